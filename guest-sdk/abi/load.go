//go:build !wasm

package abi

import "unsafe"

// u32At and u64At read a number that is known to be there.
func u32At(b []byte, i int) uint32 {
	p := (*[4]byte)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(b)), i))
	return uint32(p[0]) | uint32(p[1])<<8 | uint32(p[2])<<16 | uint32(p[3])<<24
}

func u64At(b []byte, i int) uint64 {
	return uint64(u32At(b, i)) | uint64(u32At(b, i+4))<<32
}

// putU32 and putU64 write one where there is room.
func putU32(b []byte, i int, v uint32) {
	p := (*[4]byte)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(b)), i))
	p[0], p[1], p[2], p[3] = byte(v), byte(v>>8), byte(v>>16), byte(v>>24)
}

func putU64(b []byte, i int, v uint64) {
	putU32(b, i, uint32(v))
	putU32(b, i+4, uint32(v>>32))
}
