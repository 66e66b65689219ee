package object

// Turn numbers the object's turns: what ends with a turn is checked by it.
func (o *Object) Turn() uint64 { return o.turns }

// Begin opens an explicit transaction over kv, SQL and alarm.
func (o *Object) Begin() error {
	if err := o.storage.Begin(); err != nil {
		return err
	}
	o.tx++
	return nil
}

// Release ends the innermost transaction and keeps its writes.
func (o *Object) Release() error {
	if err := o.storage.Release(); err != nil {
		return err
	}
	o.tx--
	return nil
}

// Rollback ends the innermost transaction and drops its writes.
func (o *Object) Rollback() error {
	if err := o.storage.Rollback(); err != nil {
		return err
	}
	o.tx--
	return nil
}

// Offered is the socket that an unfinished fetch event offers under a handle,
// nil without one.
func (o *Object) Offered(id uint64) *Offer {
	offer := o.sockets.offers[id]
	if offer == nil || offer.Accepted {
		return nil
	}
	return offer
}

// Describe is the status and failure that an error crosses the boundary as.
var Describe = describe
