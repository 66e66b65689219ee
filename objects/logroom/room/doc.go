// Package room is the logs app: the LogRoom class, one object a log, and the
// worker for what spans logs. A room owns its events: they are durable in its
// own storage, in order, before anybody hears of them; D1 is an index that
// follows from the room's outbox. The package refuses to trust D1 with order,
// sequence numbers or deletion.
package room

import "github.com/holdfast-run/holdfast/guest-sdk/edge"

func init() {
	edge.Register("LogRoom", New, edge.Interleave())
	edge.RegisterWorker(edge.Worker{Fetch: Serve}, edge.Interleave())
}
