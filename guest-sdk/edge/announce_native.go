//go:build !wasip1

package edge

// announce tells the host of a class while the image is made; natively there
// is none, and edgetest reads the list.
func announce(*class) {}

// spawn runs fn on a goroutine; natively a Runner does as a rule.
func spawn(h handler) { go h.run() }

// runner is a goroutine of a guest's pool; natively there is none.
type runner struct{}

// park waits for op; wake ends that.
func park(in *instance, op *operation) { in.runner.Wait(op.done) }

func wake(_ *instance, op *operation) { op.done <- struct{}{} }
