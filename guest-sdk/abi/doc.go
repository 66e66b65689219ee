// Package abi is the boundary between a Holdfast host and its guests, written
// once: names, kinds, status codes, limits and message layouts. It imports
// nothing, so that hosts and guests in any build mode can share it; ABI.md is
// generated from it.
//
// Decode gives a message's lists memory of their own, but for a list that is
// empty and has room: that one is filled.
package abi

//go:generate go run ../../internal/abigen
