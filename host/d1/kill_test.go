package d1

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"

	"github.com/holdfast-run/holdfast/guest-sdk/abi"
	"github.com/holdfast-run/holdfast/host/storage"
)

const (
	killWorkerDir = "HOLDFAST_D1_KILL_DIR"
	killDatabases = 3
)

func openDisk(dir string) (*Host, *storage.Engine, error) {
	engine, err := storage.Open(storage.Config{Dir: dir, MemTableBytes: 1 << 20})
	if err != nil {
		return nil, nil, err
	}
	h, err := New(Config{Engine: engine})
	return h, engine, err
}

func killSource(i int) Source { return Source{Name: fmt.Sprintf("db%d", i)} }

// TestKillWorker is the process that TestKill kills. Each batch adds a row
// and sets the counter to the number of rows.
func TestKillWorker(t *testing.T) {
	dir := os.Getenv(killWorkerDir)
	if dir == "" {
		t.Skip("runs only inside TestKill")
	}
	h, _, err := openDisk(dir)
	if err != nil {
		t.Fatal(err)
	}
	var done sync.WaitGroup
	var printing sync.Mutex
	for i := range killDatabases {
		done.Go(func() {
			_, _, err := h.Exec(context.Background(), killSource(i), "CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, body)\nCREATE TABLE IF NOT EXISTS c (n)")
			for err == nil {
				var results []Result
				results, _, err = h.Query(context.Background(), killSource(i), []Statement{
					{SQL: "INSERT INTO t (body) VALUES (?)", Params: []abi.Value{abi.Text("a row of some length")}},
					{SQL: "DELETE FROM c"}, {SQL: "INSERT INTO c SELECT count(*) FROM t RETURNING n"},
				}, true, "")
				if err == nil {
					printing.Lock()
					fmt.Printf("ack %d %d\n", i, results[2].Rows[0][0].Int)
					printing.Unlock()
				}
			}
			t.Error(err)
		})
	}
	done.Wait()
}

// roundsVariable asks for the long form of TestKill.
const roundsVariable = "HOLDFAST_D1_ROUNDS"

// killRounds is how often the worker is killed.
func killRounds(t *testing.T) int {
	t.Helper()
	text := os.Getenv(roundsVariable)
	if text == "" {
		return 3
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s is %q, expected a number", roundsVariable, text)
	}
	return n
}

func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	dir := t.TempDir()
	var acked [killDatabases]int64
	n := killRounds(t)
	for round := range n {
		if err := killAfter(dir, 50+int(rand.New(rand.NewPCG(uint64(round), 9)).Uint64N(300)), &acked); err != nil {
			t.Fatal(err)
		}
		h, engine, err := openDisk(dir)
		if err != nil {
			t.Fatal(err)
		}
		for i := range killDatabases {
			results, _, err := h.Query(t.Context(), killSource(i), []Statement{
				{SQL: "SELECT (SELECT count(*) FROM t), (SELECT n FROM c)"}, {SQL: "PRAGMA quick_check"},
			}, true, "")
			if err != nil {
				t.Fatal(err)
			}
			row := results[0].Rows[0]
			if row[0].Int < acked[i] || row[0].Int != row[1].Int || text(results[1]) != "ok" {
				t.Fatalf("database %d: %d acknowledged, %s rows and counter, %s", i, acked[i], text(results[0]), text(results[1]))
			}
		}
		if err := h.Close(); err != nil {
			t.Fatal(err)
		}
		if err := engine.Close(); err != nil {
			t.Fatal(err)
		}
	}
	total := acked[0] + acked[1] + acked[2]
	t.Logf("%d kills, %d batches acknowledged, none lost, no half one", n, total)
}

// killAfter starts a worker and kills it after so many acknowledged batches.
func killAfter(dir string, batches int, acked *[killDatabases]int64) error {
	worker := exec.Command(os.Args[0], "-test.run=^TestKillWorker$", "-test.count=1")
	worker.Env = append(os.Environ(), killWorkerDir+"="+dir)
	out, err := worker.StdoutPipe()
	if err != nil {
		return err
	}
	if err := worker.Start(); err != nil {
		return err
	}
	var said []string
	n := 0
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var i int
		var rows int64
		if _, err := fmt.Sscanf(lines.Text(), "ack %d %d", &i, &rows); err != nil {
			said = append(said, lines.Text())
			continue
		}
		acked[i] = max(acked[i], rows)
		if n++; n == batches {
			if err := worker.Process.Kill(); err != nil {
				return err
			}
		}
	}
	if err := worker.Wait(); err == nil || n < batches {
		return fmt.Errorf("the worker was not killed: %v: %v", err, said)
	}
	return nil
}
