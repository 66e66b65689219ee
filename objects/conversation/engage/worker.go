package engage

import (
	"encoding/hex"
	"net/url"
	"strings"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
	"github.com/holdfast-run/holdfast/guest-sdk/edge/rest"
)

// Serve is the worker: what is about a firm rather than one conversation.
// Requests below one conversation go straight to it; those that come here all
// the same are handed on.
func Serve(r *edge.Request, env *edge.Env) (*edge.Response, error) {
	resp, err := serve(r, env)
	if err != nil {
		return rest.Failed(err)
	}
	return resp, nil
}

// visit is a call of the worker about one firm.
type visit struct {
	call
	env  *edge.Env
	firm string
	path string // below the firm: "users/u1", ":lag"
	arg  string
	owed int // rows that the registry has and the ledger does not
}

// firmCall is one row of the contract. Its do runs once the registry has let
// the call in.
type firmCall struct {
	method, path string // "*" at the end stands for an id
	action       string
	resource     string
	platform     bool // with the platform key
	// quiet calls note themselves: do knows the outcome.
	quiet bool
	// check reads the request before anybody is asked, so that what is wrong
	// with it is noted.
	check func(*visit) (any, error)
	do    func(v *visit, checked any) (*edge.Response, error)
}

var firmCalls []firmCall

func init() {
	firmCalls = []firmCall{
		{method: "GET", path: "users", action: "access_users", resource: resourceUser, check: checkUsers, do: listUsers},
		{method: "PUT", path: "users/*", action: "user_saved", resource: resourceUser, quiet: true, check: checkUser, do: saveUser},
		{method: "GET", path: "conversations", action: "access_conversations", resource: resourceList, check: checkList, do: listConversations},
		{method: "POST", path: "conversations", action: "conversation_created", resource: resourceConversation, quiet: true, check: checkCreation, do: createConversation},
		{method: "GET", path: "reports/*", action: "access_report", resource: resourceReport, check: checkReport, do: runReport},
		{method: "GET", path: "audit:verify", action: "access_audit_verify", resource: resourceFirm, check: checkVerify, do: verifyAudit},
		{method: "GET", path: ":lag", action: "access_lag", resource: resourceFirm, quiet: true, do: showLag},
		{method: "POST", path: ":reconcile", action: "index_reconciled", resource: resourceFirm, platform: true, do: reconcileNow},
		{method: "POST", path: "key:rotate", action: "key_rotated", resource: resourceFirm, platform: true, quiet: true, do: rotateKey},
		{method: "POST", path: ":suspend", action: "firm_suspended", resource: resourceFirm, platform: true, quiet: true, do: suspendFirm},
		{method: "POST", path: ":resume", action: "firm_resumed", resource: resourceFirm, platform: true, quiet: true, do: resumeFirm},
		{method: "POST", path: ":erase", action: "person_erased", resource: resourceFirm, platform: true, quiet: true, check: checkErasure, do: erasePerson},
	}
	edge.RegisterWorker(edge.Worker{Fetch: Serve, Scheduled: scheduled}, edge.Interleave())
}

// scheduled starts the nightly walk.
func scheduled(_ edge.Scheduled, env *edge.Env) error {
	_, err := edge.Call[bool](platformOf(env), "nightly", "")
	return err
}

func serve(r *edge.Request, env *edge.Env) (*edge.Response, error) {
	path := strings.TrimSuffix(r.Path(), "/")
	if path == "/firms" {
		if r.Method != "POST" {
			return nil, rest.Refuse(405, "method_not_allowed", r.Method+" is not for /firms")
		}
		return postFirm(r, env)
	}
	firm, path := splitFirm(strings.TrimPrefix(path, "/firms/"))
	if !validID(firm) {
		return nil, rest.NotFound("there is no such firm")
	}
	if session, ok := sessionIn(path); ok {
		if !validID(session) {
			return nil, rest.NotFound("there is no such conversation")
		}
		return sessionOf(env, firm, session).Forward(r), nil
	}
	v := &visit{env: env, firm: firm, path: path}
	v.call = call{req: r, actor: actorOf(r), at: env.Now().UnixMilli(), action: "unknown_call", resourceType: resourceFirm, resourceID: firm}
	fc, err := v.find(r.Method)
	if err != nil {
		_, err := enter(env, firm, entrance{call: &v.call, token: rest.Bearer(r), wrong: err})
		return nil, err
	}
	return v.run(fc)
}

// splitFirm cuts "acme/users", "acme:lag" and "acme" behind the firm.
func splitFirm(path string) (firm, rest string) {
	if i := strings.IndexAny(path, "/:"); i >= 0 {
		if path[i] == '/' {
			return path[:i], path[i+1:]
		}
		return path[:i], path[i:]
	}
	return path, ""
}

// sessionIn is the session that a path below a firm is about.
func sessionIn(path string) (session string, ok bool) {
	if id, ok := strings.CutPrefix(path, "conversations/"); ok {
		if i := strings.IndexAny(id, "/:"); i >= 0 {
			id = id[:i]
		}
		return id, true
	}
	if id, ok := strings.CutPrefix(path, "conflicts/"); ok { // a conflict's id begins with its session's
		session, _, _ = strings.Cut(id, ".")
		return session, true
	}
	return "", false
}

// find finds the call that a path means.
func (v *visit) find(method string) (*firmCall, error) {
	other := false
	for i := range firmCalls {
		fc := &firmCalls[i]
		prefix, star := strings.CutSuffix(fc.path, "*")
		arg, ok := strings.CutPrefix(v.path, prefix)
		if !ok || star != (arg != "") || strings.Contains(arg, "/") {
			continue
		}
		if other = true; fc.method != method {
			continue
		}
		arg, err := url.PathUnescape(arg)
		if err != nil {
			return nil, rest.NotFound("no such path")
		}
		v.arg = arg
		return fc, nil
	}
	if other {
		return nil, rest.Refuse(405, "method_not_allowed", method+" is not for this path")
	}
	return nil, rest.NotFound("no such path")
}

// run checks the request, asks the registry, and does the call.
func (v *visit) run(fc *firmCall) (*edge.Response, error) {
	v.action, v.resourceType = fc.action, fc.resource
	if v.arg != "" {
		v.resourceID = v.arg
	}
	if fc.resource == resourceReport {
		v.action += "_" + strings.ReplaceAll(reportName(v.arg), "-", "_")
	}
	var checked any
	var wrong error
	if fc.platform {
		wrong = platformKey(v.req, v.env)
	}
	if wrong == nil && fc.check != nil {
		checked, wrong = fc.check(v)
	}
	e := entrance{call: &v.call, token: rest.Bearer(v.req), wrong: wrong, platform: fc.platform, quiet: fc.quiet}
	if c, ok := checked.(*creation); ok && wrong == nil {
		e.session = c.Session
	}
	a, err := enter(v.env, v.firm, e)
	if err != nil {
		return nil, err
	}
	v.owed = a.Owed
	resp, err := fc.do(v, checked)
	if err != nil {
		v.tell(v.note(err))
	}
	return resp, err
}

// tell hands a note to the registry. It is lost only where the registry cannot
// be reached, which is logged.
func (v *visit) tell(n note) {
	if _, err := edge.Call[bool](registryOf(v.env, v.firm), "note", n); err != nil {
		v.env.Log.Error("a note was not taken", "firm", v.firm, "action", n.Action, "error", err.Error())
	}
}

// platformKey checks the platform key.
func platformKey(r *edge.Request, env *edge.Env) error {
	token := rest.Bearer(r)
	switch want := env.Var(varPlatformKey); {
	case !rest.IsHash(want):
		return rest.Forbidden("no platform key is configured: PLATFORM_KEY must be sha256:<64 hex digits>")
	case token == "":
		return rest.Unauthorized()
	case !rest.Matches(want, token):
		return rest.Forbidden("this call needs the platform key")
	}
	return nil
}

// newID makes an id of 16 random digits behind a prefix.
func newID(env *edge.Env, prefix string) string {
	var b [8]byte
	env.Rand(b[:])
	return prefix + hex.EncodeToString(b[:])
}
