// Package rest is what the HTTP side of an object has in common with that of
// others: problems that clients see as {"error":{"code","message"}}, JSON
// bodies read field by field with errors that name the field, query
// parameters within bounds, bearer tokens kept as hashes, times and strings
// as JSON. It owns no routes and no state, and refuses to guess: a field of a
// wrong type is an error, not a zero.
package rest
