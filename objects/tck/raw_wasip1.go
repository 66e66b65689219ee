//go:build wasip1

package main

import (
	"unsafe"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
)

//go:wasmimport holdfast_v1 kv_get
func rawKVGet(req unsafe.Pointer, reqLen uint32, out unsafe.Pointer, outCap uint32) uint64

//go:wasmimport holdfast_v1 kv_put
func rawKVPut(req unsafe.Pointer, reqLen uint32) uint32

// The wrong uses that only raw imports can make.
func init() {
	op("pointer", func(*Probe, *edge.Request, string) (*edge.Response, error) {
		return text("%d", rawKVPut(unsafe.Pointer(uintptr(0xfffffff0)), 64))
	})
	op("length", func(*Probe, *edge.Request, string) (*edge.Response, error) {
		var b [4]byte
		return text("%d", rawKVPut(unsafe.Pointer(&b), 0xffffffff))
	})
	op("result", func(*Probe, *edge.Request, string) (*edge.Response, error) {
		req := []byte{11, 0, 0, 0, 'c', 'o', 'n', 's', 't', 'r', 'u', 'c', 't', 'e', 'd'}
		return text("%d", rawKVGet(unsafe.Pointer(&req[0]), uint32(len(req)), unsafe.Pointer(uintptr(0xfffffff0)), 64))
	})
	op("garbage", func(*Probe, *edge.Request, string) (*edge.Response, error) {
		b := []byte{0xff, 0xff, 0xff, 0xff, 1, 2, 3}
		return text("%d", rawKVPut(unsafe.Pointer(&b[0]), uint32(len(b))))
	})
}
