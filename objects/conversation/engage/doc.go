// Package engage is the engage app: legal intake for firms. It owns four
// kinds of objects and the worker before them.
//
//   - Session, one a conversation, holds the truth of that conversation.
//   - Registry, one a firm, holds its key, users, parties and the list of its
//     sessions. Conflict checks run here, in one turn each, so that two
//     sessions can never both be cleared against each other.
//   - Ledger, one a firm, is the only writer of the firm's database: it chains
//     the audit trail, brings index rows, and reconciles.
//   - Platform, one, lists the firms and walks them at night.
//
// D1 is an index: lists and reports are read from it, and everything in it but
// the audit trail can be written again from the objects. The package refuses
// to let a reply wait for D1, and to name a database by anything but a firm
// id that was checked.
package engage
