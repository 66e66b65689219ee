package engage

import (
	"errors"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/rest"
)

// Keys of the platform's storage.
const (
	tenantPrefix = "f/"   // + firm id: tenant
	nightKey     = "walk" // walk
)

// tenant is a firm as the platform knows it.
type tenant struct {
	FirmID    string `json:"firmId"`
	Name      string `json:"name"`
	Made      bool   `json:"made,omitempty"` // its registry and database are there
	Suspended bool   `json:"suspended,omitempty"`
}

// walk is a nightly run over all firms, one firm an alarm.
type walk struct {
	After    string   `json:"after,omitempty"` // the firm that was last done
	Firm     string   `json:"firm,omitempty"`  // the firm that is being done
	Progress progress `json:"progress"`
	Failures int      `json:"failures,omitempty"` // of this firm, in a row
}

// walkFailuresMax is how often a firm is tried before the walk goes on
// without it; the next night finds it again.
const walkFailuresMax = 5

// Platform is the list of firms. It is asked for new firms, and walks all of
// them at night.
type Platform struct {
	state   *edge.State
	env     *edge.Env
	walking *walk // nil: no run is under way
}

// NewPlatform takes up a run that the last instance left.
func NewPlatform(state *edge.State, env *edge.Env) (*Platform, error) {
	p := &Platform{state: state, env: env}
	w, ok, err := edge.Get[walk](p.kv(), nightKey)
	if ok {
		p.walking = &w
	}
	return p, err
}

func (p *Platform) kv() *edge.KV { return p.state.Storage.KV }

// Claim takes a firm id. The answer is whether it was taken before, by a firm
// that was made whole: one that was not is made again.
func (p *Platform) Claim(t tenant) (taken bool, err error) {
	have, ok, err := edge.Get[tenant](p.kv(), tenantPrefix+t.FirmID)
	if err != nil || ok && have.Made {
		return true, err
	}
	return false, edge.Put(p.kv(), tenantPrefix+t.FirmID, t)
}

// Update keeps what has become of a firm.
func (p *Platform) Update(t tenant) (bool, error) {
	return true, edge.Put(p.kv(), tenantPrefix+t.FirmID, t)
}

// Nightly starts a walk over all active firms; one that is under way goes on.
func (p *Platform) Nightly(string) (bool, error) {
	if p.walking == nil {
		if err := p.keep(&walk{}); err != nil {
			return false, err
		}
	}
	return true, p.state.Storage.SetAlarm(p.state.Now())
}

func (p *Platform) keep(w *walk) error {
	p.walking = w
	return edge.Put(p.kv(), nightKey, *w)
}

// Alarm does one firm of the walk and sets the alarm for the next.
func (p *Platform) Alarm(edge.AlarmInfo) error {
	w := p.walking
	if w == nil {
		return nil
	}
	if w.Firm == "" {
		next, err := p.next(w.After)
		if err != nil {
			return err
		}
		if next == "" {
			p.walking = nil
			_, err := p.kv().Delete(nightKey)
			return err
		}
		w = &walk{After: w.After, Firm: next}
	}
	err := reconcileFirm(p.env, w.Firm, w.Progress, func(at progress) error {
		w.Progress = at
		return p.keep(w)
	})
	if err != nil {
		if w.Failures++; w.Failures < walkFailuresMax {
			return errors.Join(err, p.keep(w)) // the alarm's own backoff
		}
		p.state.Log.Error("a firm could not be reconciled", "firm", w.Firm, "error", err.Error())
	} else {
		p.state.Log.Info("reconciled", "firm", w.Firm, "checked", w.Progress.Checked, "repaired", w.Progress.Repaired, "orphansRemoved", w.Progress.OrphansRemoved)
	}
	if err := p.keep(&walk{After: w.Firm}); err != nil {
		return err
	}
	return p.state.Storage.SetAlarm(p.state.Now())
}

// next is the active firm behind another; "" behind the last.
func (p *Platform) next(behind string) (string, error) {
	tenants, failed := edge.List[tenant](p.kv(), edge.ListOptions{Prefix: tenantPrefix, StartAfter: after(tenantPrefix, behind)})
	for _, t := range tenants {
		if t.Made && !t.Suspended {
			return t.FirmID, nil
		}
	}
	return "", failed()
}

// reconcileFirm runs the rest of a reconciliation; keep is told each place.
func reconcileFirm(env *edge.Env, firmID string, at progress, keep func(progress) error) error {
	for !at.done() {
		next, err := edge.Call[progress](ledgerOf(env, firmID), "reconcile", at)
		if err != nil {
			return err
		}
		at = next
		if err := keep(at); err != nil {
			return err
		}
	}
	return nil
}

// Fetch is not for the platform: the worker calls its methods.
func (p *Platform) Fetch(*edge.Request) (*edge.Response, error) {
	return rest.Failed(rest.NotFound("no such path"))
}

func init() {
	edge.Register("Platform", NewPlatform, edge.Interleave())
	edge.Method("claim", (*Platform).Claim)
	edge.Method("update", (*Platform).Update)
	edge.Method("nightly", (*Platform).Nightly)
}
