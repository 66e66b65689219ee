// Package intake is the rules of a conversation of legal intake: what its
// parts are and how they look to clients, which transitions are allowed, how
// good its data is, and whether it is cleared of conflicts. It owns no storage,
// no clock and no network; whoever holds a conversation passes the time in.
// Times are milliseconds since 1970.
package intake
