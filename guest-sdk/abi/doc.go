// Package abi is the boundary between a Holdfast host and its guests, written
// once: names, kinds, status codes, limits and message layouts. It imports
// nothing, so that hosts and guests in any build mode can share it; ABI.md is
// generated from it.
package abi

//go:generate go run ../../internal/abigen
