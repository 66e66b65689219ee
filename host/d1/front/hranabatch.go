package front

import (
	"context"
	"fmt"
	"strconv"

	"github.com/valyala/fasthttp"

	"github.com/holdfast-run/holdfast/host/d1"
)

// outcome is what became of a step of a batch: neither field is set if it did
// not run.
type outcome struct {
	result *d1.Result
	err    *hranaError
}

// steps runs a batch and calls done after each step.
func (s *hranaStream) steps(ctx context.Context, b hranaBatch, done func(step int, o outcome)) error {
	outcomes := make([]outcome, 0, len(b.Steps))
	for i, step := range b.Steps {
		run := true
		if step.Condition != nil {
			var err error
			if run, err = s.holds(*step.Condition, outcomes, 0); err != nil {
				return err
			}
		}
		var o outcome
		if run {
			result, err := s.run(ctx, step.Stmt)
			o = outcome{&result, asHrana(err)}
			if err != nil {
				o.result = nil
			}
		}
		outcomes = append(outcomes, o)
		done(i, o)
	}
	return nil
}

// holds decides a condition on the steps before.
func (s *hranaStream) holds(c condition, before []outcome, depth int) (bool, error) {
	if depth > conditionDepthMax {
		return false, hranaFault(codeProtocol, "A condition is nested deeper than %d.", conditionDepthMax)
	}
	switch c.Type {
	case "ok", "error":
		if c.Step < 0 || c.Step >= len(before) {
			return false, hranaFault(codeProtocol, "A condition names step %d, which is not one before it.", c.Step)
		}
		if c.Type == "ok" {
			return before[c.Step].result != nil, nil
		}
		return before[c.Step].err != nil, nil
	case "is_autocommit":
		return s.stream.Autocommit(), nil
	case "not":
		if c.Cond == nil {
			return false, hranaFault(codeProtocol, `A condition "not" has no "cond".`)
		}
		holds, err := s.holds(*c.Cond, before, depth+1)
		return !holds, err
	case "and", "or":
		for _, part := range c.Conds {
			holds, err := s.holds(part, before, depth+1)
			if err != nil || holds == (c.Type == "or") {
				return holds, err
			}
		}
		return c.Type == "and", nil
	}
	return false, hranaFault(codeProtocol, "A condition of type %q is not known.", c.Type)
}

func (s *hranaStream) batch(ctx context.Context, b hranaBatch) ([]byte, error) {
	results := []byte(`{"type":"batch","result":{"step_results":[`)
	errs := []byte(`],"step_errors":[`)
	err := s.steps(ctx, b, func(step int, o outcome) {
		if step > 0 {
			results, errs = append(results, ','), append(errs, ',')
		}
		if o.result != nil {
			results = appendHranaResult(results, *o.result)
		} else {
			results = append(results, "null"...)
		}
		if o.err != nil {
			errs = append(errs, o.err.json()...)
		} else {
			errs = append(errs, "null"...)
		}
	})
	return append(append(results, errs...), "]}}"...), err
}

// cursor answers a batch of version 3 line by line.
func (f *Front) cursor(ctx *fasthttp.RequestCtx, src d1.Source) {
	var request struct {
		Baton *string    `json:"baton"`
		Batch hranaBatch `json:"batch"`
	}
	if err := decode(ctx.PostBody(), &request); err != nil {
		hranaFailure(ctx, fasthttp.StatusBadRequest, hranaFault(codeProtocol, "%s", err))
		return
	}
	stream, status, err := f.streams.take(f.host, src, request.Baton)
	if err != nil {
		hranaFailure(ctx, status, asHrana(err))
		return
	}
	var lines []byte
	err = stream.steps(background(), request.Batch, func(step int, o outcome) {
		switch {
		case o.err != nil:
			lines = fmt.Appendf(lines, "{\"type\":\"step_error\",\"step\":%d,\"error\":%s}\n", step, o.err.json())
		case o.result != nil:
			lines = appendCursorStep(lines, step, *o.result)
		}
	})
	if err != nil {
		lines = fmt.Appendf(lines, "{\"type\":\"error\",\"error\":%s}\n", asHrana(err).json())
	}
	head := append([]byte(`{"baton":`), f.streams.put(stream)...)
	answer(ctx, fasthttp.StatusOK, append(append(head, ",\"base_url\":null}\n"...), lines...))
}

func appendCursorStep(b []byte, step int, r d1.Result) []byte {
	b = fmt.Appendf(b, `{"type":"step_begin","step":%d,"cols":`, step)
	b = append(appendHranaColumns(b, r), "}\n"...)
	for _, row := range r.Rows {
		b = append(b, `{"type":"row","row":`...)
		b = append(appendHranaRow(b, row), "}\n"...)
	}
	b = append(b, `{"type":"step_end","affected_row_count":`...)
	b = strconv.AppendInt(b, r.Meta.Changes, 10)
	return fmt.Appendf(b, ",\"last_insert_rowid\":\"%d\"}\n", r.Meta.LastRowID)
}
