package engage

import (
	"errors"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/rest"
)

// postFirm makes a firm: its place on the platform, its registry, and its
// database with the schema. What a failure leaves half made, the same call
// makes whole.
func postFirm(r *edge.Request, env *edge.Env) (*edge.Response, error) {
	if err := platformKey(r, env); err != nil {
		return nil, err
	}
	f, err := rest.Parse(r.Body)
	if err != nil {
		return nil, err
	}
	id, err := f.Text("firmId", IDBytesMax, false)
	if err != nil {
		return nil, err
	}
	if !validID(id) {
		return nil, rest.Bad("firmId must be 1 to 64 of a-z A-Z 0-9 _ -")
	}
	name, err := f.Text("name", NameBytesMax, false)
	if err != nil {
		return nil, err
	}
	taken, err := edge.Call[bool](platformOf(env), "claim", tenant{FirmID: id, Name: name})
	if err != nil {
		return nil, busy(err)
	}
	if taken {
		return nil, rest.Conflict("the firmId " + id + " is taken")
	}
	key := rest.NewToken(env.Rand)
	c := call{req: r, actor: actorOf(r), at: env.Now().UnixMilli(), action: "firm_created", resourceType: resourceFirm, resourceID: id}
	if _, err := edge.Call[bool](registryOf(env, id), "found", founding{Firm: id, Name: name, KeyHash: rest.Hash(key), Note: c.note(nil)}); err != nil {
		return nil, busy(err)
	}
	if refused, err := edge.Call[string](ledgerOf(env, id), "open", ""); err != nil || refused != "" {
		if err != nil {
			refused = err.Error()
		}
		return nil, rest.Unavailable("the firm's database could not be made, try again: " + refused)
	}
	if _, err := edge.Call[bool](platformOf(env), "update", tenant{FirmID: id, Name: name, Made: true}); err != nil {
		return nil, busy(err)
	}
	return edge.JSON(201, map[string]string{"firmId": id, "name": name, "key": key}), nil
}

func rotateKey(v *visit, _ any) (*edge.Response, error) {
	key := rest.NewToken(v.env.Rand)
	if _, err := v.rekey(rekey{KeyHash: rest.Hash(key)}); err != nil {
		return nil, err
	}
	return edge.JSON(200, map[string]string{"key": key}), nil
}

func suspendFirm(v *visit, _ any) (*edge.Response, error) { return v.suspend(true) }

func resumeFirm(v *visit, _ any) (*edge.Response, error) { return v.suspend(false) }

// suspend suspends or resumes a firm, for its registry and for the platform's
// walk.
func (v *visit) suspend(on bool) (*edge.Response, error) {
	a, err := v.rekey(rekey{Suspended: &on})
	if err != nil {
		return nil, err
	}
	if _, err := edge.Call[bool](platformOf(v.env), "update", tenant{FirmID: v.firm, Name: a.Name, Made: true, Suspended: on}); err != nil {
		return nil, busy(err)
	}
	return edge.JSON(200, map[string]any{"firmId": v.firm, "name": a.Name, "suspended": on}), nil
}

func (v *visit) rekey(in rekey) (access, error) {
	in.Note = v.note(nil)
	a, err := edge.Call[access](registryOf(v.env, v.firm), "rekey", in)
	return a, busy(err)
}

// reconcileNow runs a whole reconciliation.
func reconcileNow(v *visit, _ any) (*edge.Response, error) {
	var at progress
	err := reconcileFirm(v.env, v.firm, at, func(p progress) error {
		at = p
		return nil
	})
	if err != nil {
		return nil, rest.Unavailable("the index could not be reconciled, try again: " + err.Error())
	}
	return edge.JSON(200, map[string]int64{"checked": at.Checked, "repaired": at.Repaired, "orphansRemoved": at.OrphansRemoved}), nil
}

// showLag notes itself after it has looked: its own row is not what anybody
// asks for.
func showLag(v *visit, _ any) (*edge.Response, error) {
	out, err := edge.Call[lag](ledgerOf(v.env, v.firm), "lag", "")
	if err != nil {
		return nil, busy(err)
	}
	out.Pending += v.owed
	v.tell(v.note(nil))
	return edge.JSON(200, out), nil
}

// dataProblem is a failure of the firm's database as clients see it.
func dataProblem(err error) error {
	var p *rest.Problem
	if errors.As(err, &p) {
		return p
	}
	return rest.Unavailable("the index is not available now: " + err.Error())
}
