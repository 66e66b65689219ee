package process

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// Counter reads one of the app's counters from the host's metrics page.
func (w *World) Counter(name string) (int64, error) {
	resp, err := w.client.Get(w.p.admin + "/metrics")
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	if resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("metrics: %s: %s", resp.Status, page)
	}
	head := fmt.Sprintf("holdfast_app_%s_total{app=%q} ", name, w.app.Name)
	for lines := bufio.NewScanner(bytes.NewReader(page)); lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), head); ok {
			n, err := strconv.ParseFloat(text, 64)
			return int64(n), err
		}
	}
	return 0, nil
}
