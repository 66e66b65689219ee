package engine

import (
	"errors"
	"strings"
	"testing"
)

func TestRegistrar_TellsWhatAFailedGuestSaid(t *testing.T) {
	dead := errors.New("dead")
	r := &registrar{}
	r.Output(1, []byte("to standard output"))
	if err := r.tell(dead); err != dead {
		t.Errorf("of one that said nothing: %v", err)
	}
	r.Output(2, []byte("panic: no binding"))
	r.Output(2, nil)
	for range 1000 {
		r.Output(2, []byte("main.init.0()"))
	}
	err := r.tell(dead)
	if !errors.Is(err, dead) || !strings.HasPrefix(err.Error(), "dead; its standard error:\n\tpanic: no binding\n\tmain.init.0()\n") {
		t.Errorf("got %v", err)
	}
	if n := len(err.Error()); n > 2*saidMax {
		t.Errorf("tells %d bytes", n)
	}
	if r.tell(nil) != nil {
		t.Error("a guest that lives has failed")
	}
}
