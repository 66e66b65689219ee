// Package sim runs the object runtime under chance: real directory, loops,
// mailboxes and gates over a store whose syncs come late, fail, or are lost
// in a crash, driven by a seed, against a model of what must hold. It owns
// the workload and the checkers. It refuses Wasm: its guests are Go values
// behind the runtime's Guest interface, so that thousands of turns take
// milliseconds; objects/tck drives the same runtime through real guests.
//
// What is checked, for every seed:
//
//   - nothing that a client saw (an answer, a frame) is missing from what was
//     durable at that moment
//   - the numbers an object gives rise one by one, whatever was lost
//   - an object has at most one live instance
//   - each socket gets what was broadcast since it joined, in order, no gap
//   - after a failed sync nothing more leaves, and no write is taken
//
// Honest limit: Go decides how goroutines interleave, so a seed repeats the
// workload, not the schedule.
package sim
