package main

import (
	"strconv"
	"strings"

	"github.com/holdfast-run/holdfast/guest-sdk/edge"
)

var schema = []string{
	"CREATE TABLE IF NOT EXISTS events(room TEXT NOT NULL, seq INTEGER NOT NULL, content TEXT NOT NULL, ts INTEGER NOT NULL, PRIMARY KEY(room,seq))",
	"CREATE TABLE IF NOT EXISTS kv(id INTEGER PRIMARY KEY AUTOINCREMENT, content TEXT NOT NULL)",
}

// events answers a room's events from D1.
func events(r *edge.Request, env *edge.Env, room string) (*edge.Response, error) {
	q, err := r.Query()
	if err != nil {
		return edge.Text(400, err.Error()), nil
	}
	after, _ := strconv.ParseInt(q.Get("after"), 10, 64) // absent: 0
	limit, err := strconv.ParseInt(q.Get("limit"), 10, 64)
	if err != nil {
		limit = 100
	}
	res, err := env.D1("DB").Prepare("SELECT seq,content,ts FROM events WHERE room=? AND seq>? ORDER BY seq LIMIT ?").Bind(room, after, min(limit, 100000)).All()
	if err != nil {
		return nil, err
	}
	rows, err := edge.Scan[appended](res)
	if err != nil {
		return nil, err
	}
	return edge.JSON(200, map[string]any{"events": rows}), nil
}

// tenant reads or writes a tenant's own database.
func tenant(name, op string, env *edge.Env) (*edge.Response, error) {
	db := env.D1Named("TENANT", "load-"+name)
	switch op {
	case "read":
		res, err := db.Prepare("SELECT id, n FROM t ORDER BY n DESC LIMIT 10").All()
		if err != nil {
			return nil, err
		}
		return edge.Text(200, strconv.Itoa(len(res.Rows))), nil
	case "write":
		_, err := db.Prepare("INSERT INTO t (n, body) VALUES (?, ?)").Bind(env.Now().UnixNano(), strings.Repeat("b", 200)).Run()
		return edge.Text(200, "ok"), err
	}
	return edge.Text(404, "not found"), nil
}

// d1 answers init, insert/TEXT, select/ID, and tenant/NAME/read and write.
func d1(p []string, env *edge.Env) (*edge.Response, error) {
	db := env.D1("DB")
	switch {
	case p[0] == "tenant" && len(p) == 3:
		return tenant(p[1], p[2], env)
	case p[0] == "init":
		for _, s := range schema {
			if _, err := db.Prepare(s).Run(); err != nil {
				return nil, err
			}
		}
		return edge.Text(200, "ok"), nil
	case p[0] == "insert" && len(p) == 2:
		res, err := db.Prepare("INSERT INTO kv(content) VALUES(?)").Bind(p[1]).Run()
		if err != nil {
			return nil, err
		}
		return edge.JSON(200, map[string]int64{"id": res.Meta.LastRowID}), nil
	case p[0] == "select" && len(p) == 2:
		var row struct {
			ID      int64  `json:"id" sql:"id"`
			Content string `json:"content" sql:"content"`
		}
		id, err := strconv.ParseInt(p[1], 10, 64)
		if err != nil {
			return edge.Text(400, "id must be a number"), nil
		}
		ok, err := db.Prepare("SELECT id,content FROM kv WHERE id=?").Bind(id).First(&row)
		if err != nil {
			return nil, err
		}
		if !ok {
			return edge.JSON(200, nil), nil
		}
		return edge.JSON(200, row), nil
	}
	return edge.Text(404, "not found"), nil
}
