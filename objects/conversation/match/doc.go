// Package match owns the names of parties: their normal form, their sound and
// the four ways in which two of them are found to be the same (exact, alias,
// phonetic, fuzzy), and an index of many that answers as fast as a Wasm guest
// must. It is plain Go without storage, clock or network. It refuses to guess:
// the order of the parts of a name matters ("Smith, John" is not "John
// Smith"), nicknames and translations are no business of its own, and a name
// of which nothing is left is an error.
package match
