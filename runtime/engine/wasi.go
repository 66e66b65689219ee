package engine

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/sys"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
)

const wasiModule = "wasi_snapshot_preview1"

// The error numbers of WASI that guests get.
const (
	errnoBadf  = 8
	errnoFault = 21
	errnoInval = 28
	errnoNosys = 52
)

// stdioMax bounds what is kept of an unfinished output line.
const stdioMax = abi.LogLineBytesMax

type wasiFunc struct {
	params  string // i: i32, I: i64
	handler func(in *Instance, m api.Module, st []uint64) uint32
}

// wasiFuncs is every function of WASI preview 1 that a Go guest may link:
// clock, randomness, output and the poll that means idle are real, there are
// no arguments and no environment, and the rest has no file or socket to work
// on.
var wasiFuncs = map[string]wasiFunc{
	"args_get":            {"ii", ok},
	"args_sizes_get":      {"ii", noStrings},
	"environ_get":         {"ii", ok},
	"environ_sizes_get":   {"ii", noStrings},
	"clock_time_get":      {"iIi", clockTimeGet},
	"clock_res_get":       {"ii", clockResGet},
	"random_get":          {"ii", randomGet},
	"sched_yield":         {"", ok},
	"proc_exit":           {"i", nil},
	"poll_oneoff":         {"iiii", pollOneoff},
	"fd_write":            {"iiii", fdWrite},
	"fd_fdstat_get":       {"ii", fdstatGet},
	"fd_fdstat_set_flags": {"ii", ok},
	"fd_close":            {"i", ok},
	"fd_prestat_get":      {"ii", badf},
	"fd_prestat_dir_name": {"iii", badf},
	"fd_read":             {"iiii", badf},
	"fd_pread":            {"iiIi", badf}, "fd_pwrite": {"iiIi", badf},
	"fd_seek": {"iIii", badf}, "fd_tell": {"ii", badf}, "fd_sync": {"i", badf}, "fd_datasync": {"i", badf},
	"fd_advise": {"iIIi", badf}, "fd_allocate": {"iII", badf}, "fd_renumber": {"ii", badf},
	"fd_fdstat_set_rights": {"iII", badf}, "fd_filestat_get": {"ii", badf},
	"fd_filestat_set_size": {"iI", badf}, "fd_filestat_set_times": {"iIIi", badf}, "fd_readdir": {"iiiIi", badf},
	"path_create_directory": {"iii", nosys}, "path_filestat_get": {"iiiii", nosys},
	"path_filestat_set_times": {"iiiiIIi", nosys}, "path_link": {"iiiiiii", nosys},
	"path_open": {"iiiiiIIii", nosys}, "path_readlink": {"iiiiii", nosys},
	"path_remove_directory": {"iii", nosys}, "path_rename": {"iiiiii", nosys},
	"path_symlink": {"iiiii", nosys}, "path_unlink_file": {"iii", nosys},
	"sock_accept": {"iii", nosys}, "sock_recv": {"iiiiii", nosys}, "sock_send": {"iiiii", nosys}, "sock_shutdown": {"ii", nosys},
}

func ok(*Instance, api.Module, []uint64) uint32    { return 0 }
func badf(*Instance, api.Module, []uint64) uint32  { return errnoBadf }
func nosys(*Instance, api.Module, []uint64) uint32 { return errnoNosys }

func linkWASI(ctx context.Context, r wazero.Runtime) error {
	b := r.NewHostModuleBuilder(wasiModule)
	for name, f := range wasiFuncs {
		var params []api.ValueType
		for _, p := range f.params {
			t := api.ValueTypeI32
			if p == 'I' {
				t = api.ValueTypeI64
			}
			params = append(params, t)
		}
		results := []api.ValueType{api.ValueTypeI32}
		fn := f.handler
		body := api.GoModuleFunc(func(ctx context.Context, m api.Module, st []uint64) {
			st[0] = uint64(fn(instanceOf(ctx), m, st))
		})
		if name == "proc_exit" {
			results, body = nil, procExit
		}
		b.NewFunctionBuilder().WithGoModuleFunction(body, params, results).Export(name)
	}
	if _, err := b.Instantiate(ctx); err != nil {
		return fmt.Errorf("engine: link %s: %w", wasiModule, err)
	}
	return nil
}

func procExit(_ context.Context, _ api.Module, st []uint64) {
	panic(sys.NewExitError(uint32(st[0])))
}

func noStrings(_ *Instance, m api.Module, st []uint64) uint32 {
	if !m.Memory().WriteUint32Le(uint32(st[0]), 0) || !m.Memory().WriteUint32Le(uint32(st[1]), 0) {
		return errnoFault
	}
	return 0
}

func clockTimeGet(in *Instance, m api.Module, st []uint64) uint32 {
	v := uint64(0)
	switch uint32(st[0]) {
	case 0:
		v = uint64(in.calls.Now())
	case 1:
		in.clockRead = true
		v = uint64(in.calls.Mono())
	default:
		return errnoInval
	}
	if !m.Memory().WriteUint64Le(uint32(st[2]), v) {
		return errnoFault
	}
	return 0
}

func clockResGet(_ *Instance, m api.Module, st []uint64) uint32 {
	if !m.Memory().WriteUint64Le(uint32(st[1]), uint64(time.Microsecond)) {
		return errnoFault
	}
	return 0
}

func randomGet(in *Instance, m api.Module, st []uint64) uint32 {
	b, ok := m.Memory().Read(uint32(st[0]), uint32(st[1]))
	if !ok {
		return errnoFault
	}
	in.calls.Random(b)
	return 0
}

// fdstatGet lets the Go runtime park on the idle descriptor: a character
// device that does not block.
func fdstatGet(_ *Instance, m api.Module, st []uint64) uint32 {
	fd := uint32(st[0])
	if fd > 2 && fd != abi.IdleDescriptor {
		return errnoBadf
	}
	b, ok := m.Memory().Read(uint32(st[1]), 24)
	if !ok {
		return errnoFault
	}
	clear(b)
	b[0] = 2 // character device
	if fd == abi.IdleDescriptor {
		binary.LittleEndian.PutUint16(b[2:], 4) // non-blocking
	}
	binary.LittleEndian.PutUint64(b[8:], ^uint64(0))
	binary.LittleEndian.PutUint64(b[16:], ^uint64(0))
	return 0
}

// The layout of poll_oneoff's subscriptions and events.
const (
	subscriptionBytes = 48
	pollEventBytes    = 32
	pollMax           = 64
	initSleepMax      = 10 * time.Millisecond
)

// pollOneoff never waits. With a zero timeout the guest only looks: nothing
// is ready. Otherwise every goroutine is parked: the timeout is the guest's
// next timer, and the idle descriptor, if it is polled, is ready.
func pollOneoff(in *Instance, m api.Module, st []uint64) uint32 {
	subs, out, n, res := uint32(st[0]), uint32(st[1]), uint32(st[2]), uint32(st[3])
	if n == 0 || n > pollMax {
		return errnoInval
	}
	b, ok := m.Memory().Read(subs, n*subscriptionBytes)
	if !ok {
		return errnoFault
	}
	timeout, idle, user := int64(-1), false, uint64(0)
	for ; len(b) > 0; b = b[subscriptionBytes:] {
		switch b[8] {
		case 0:
			timeout = int64(binary.LittleEndian.Uint64(b[24:]))
		case 1:
			if binary.LittleEndian.Uint32(b[16:]) == abi.IdleDescriptor {
				idle, user = true, binary.LittleEndian.Uint64(b)
			}
		}
	}
	events := uint32(0)
	if timeout != 0 {
		ev, ok := m.Memory().Read(out, pollEventBytes)
		if !ok {
			return errnoFault
		}
		clear(ev)
		events = 1
		in.park(timeout, idle)
		if idle {
			binary.LittleEndian.PutUint64(ev, user)
			ev[10] = 1 // fd_read
		}
	}
	if !m.Memory().WriteUint32Le(res, events) {
		return errnoFault
	}
	return 0
}

// park keeps the next timer. Without the idle descriptor nobody can be told
// of it: that is a sleep in func init, or the runtime's own short pause.
func (in *Instance) park(timeout int64, idle bool) {
	if !idle {
		time.Sleep(min(time.Duration(max(timeout, 0)), initSleepMax))
		return
	}
	in.deadline = 0
	if timeout > 0 {
		in.deadline = in.calls.Mono() + timeout
	}
}

// fdWrite takes what a guest prints, line by line.
func fdWrite(in *Instance, m api.Module, st []uint64) uint32 {
	fd, iovs, n, res := uint32(st[0]), uint32(st[1]), uint32(st[2]), uint32(st[3])
	if fd != 1 && fd != 2 {
		return errnoBadf
	}
	total := uint32(0)
	for i := range n {
		ptr, ok1 := m.Memory().ReadUint32Le(iovs + i*8)
		size, ok2 := m.Memory().ReadUint32Le(iovs + i*8 + 4)
		p, ok3 := m.Memory().Read(ptr, size)
		if !ok1 || !ok2 || !ok3 {
			return errnoFault
		}
		in.print(int(fd), p)
		total += size
	}
	if !m.Memory().WriteUint32Le(res, total) {
		return errnoFault
	}
	return 0
}

func (in *Instance) print(fd int, p []byte) {
	line := &in.output[fd-1]
	for _, c := range p {
		if c == '\n' || len(*line) >= stdioMax {
			in.calls.Output(fd, *line)
			*line = (*line)[:0]
		}
		if c != '\n' {
			*line = append(*line, c)
		}
	}
}

func (in *Instance) flushOutput() {
	for i := range in.output {
		if len(in.output[i]) > 0 {
			in.calls.Output(i+1, in.output[i])
			in.output[i] = in.output[i][:0]
		}
	}
}

// Now is the wall clock while an image is made.
func (r *registrar) Now() int64 { return time.Now().UnixNano() }

// Mono is a fixed reading, so that the clock of an instance can only be later.
func (r *registrar) Mono() int64 { return 1 }

// Random is the machine's.
func (r *registrar) Random(p []byte) { _, _ = rand.Read(p) }

// Output keeps how standard error begins, for the reason of a failure.
func (r *registrar) Output(fd int, p []byte) {
	if fd == 2 && len(r.said) < saidMax && len(p) > 0 {
		r.said = append(append(r.said, "\n\t"...), p...)
	}
}

// saidMax is about how much of a failed guest's standard error is told.
const saidMax = 1 << 10
