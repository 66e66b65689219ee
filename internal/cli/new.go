package cli

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	sdk "github.com/holdfast-run/holdfast/guest-sdk"
)

// project is the files of new projects, a directory a template; {{name}} stands
// for the project's name, and each file's name goes on with .txt.
//
//go:embed project
var project embed.FS

// sdkDir is where a new project has its copy of the SDK, which need not be
// published.
const sdkDir = ".sdk"

// projectName is what an app and the last part of a module may be called.
var projectName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,62}$`)

// newProject makes a project in a directory that is new or empty.
func newProject(c *call) error {
	f := c.flags()
	template := choice{"counter", []string{"counter", "chat"}}
	f.Var(&template, "template", "what the project begins with: counter or chat")
	args, err := f.parse()
	if err != nil {
		return err
	}
	if len(args) != 1 {
		return usage("expected new DIR")
	}
	dir, err := filepath.Abs(args[0])
	if err != nil {
		return err
	}
	name := filepath.Base(dir)
	if !projectName.MatchString(name) {
		return usage("%s: the directory names the project: expected lower-case letters, digits, - and _, a letter first, at most 63", name)
	}
	if there, err := os.ReadDir(dir); err == nil && len(there) > 0 {
		return usage("%s: expected a new or an empty directory, it has %s", args[0], there[0].Name())
	} else if err != nil && !os.IsNotExist(err) {
		return usage("%s: expected a new or an empty directory: %v", args[0], err)
	}
	files, err := c.projectFiles(template.value, name)
	if err != nil {
		return err
	}
	for path, content := range files {
		path = filepath.Join(dir, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(c.out, "made %s; next:\n  cd %s && go test ./...\n  holdfast dev\n", name, args[0])
	return err
}

// projectFiles are a project's files by their path.
func (c *call) projectFiles(template, name string) (map[string][]byte, error) {
	files := map[string][]byte{".gitignore": []byte(".holdfast/\n")}
	root := "project/" + template
	err := fs.WalkDir(project, root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := project.ReadFile(path)
		path = strings.TrimSuffix(strings.TrimPrefix(path, root+"/"), ".txt")
		path = strings.Replace(path, "public/", "public/"+name+"/", 1) // a request's whole path is looked up there
		files[path] = bytes.ReplaceAll(b, []byte("{{name}}"), []byte(name))
		return err
	})
	if err != nil {
		return nil, err
	}
	for path, content := range sdk.Files() {
		files[sdkDir+"/"+path] = content
	}
	carried := map[string][]byte{"go.mod": nil, "go.sum": nil, "LICENSE": nil}
	for file := range carried {
		b, err := fs.ReadFile(c.module, file)
		if err != nil {
			return nil, err
		}
		carried[file] = b
	}
	version, requires, err := required(string(carried["go.mod"]))
	if err != nil {
		return nil, err
	}
	files["go.mod"] = fmt.Appendf(nil, "module %s\n\ngo %s\n\nrequire %s v0.0.0\n\nrequire (\n%s)\n\nreplace %s => ./%s\n",
		name, version, sdk.Module, strings.ReplaceAll(requires, "\n", " // indirect\n"), sdk.Module, sdkDir)
	files[sdkDir+"/go.mod"] = fmt.Appendf(nil, "module %s\n\ngo %s\n\nrequire (\n%s)\n", sdk.Module, version, requires)
	files["go.sum"], files[sdkDir+"/go.sum"], files[sdkDir+"/LICENSE"] = carried["go.sum"], carried["go.sum"], carried["LICENSE"]
	return files, nil
}

// required are the lines of a go.mod that require the SDK's modules, and its
// version of Go.
func required(module string) (version, lines string, err error) {
	for _, line := range strings.Split(module, "\n") {
		words := strings.Fields(line)
		if len(words) == 2 && words[0] == "go" {
			version = words[1]
		}
		for _, m := range sdk.Requires {
			if len(words) >= 2 && words[0] == m {
				lines += "\t" + m + " " + words[1] + "\n"
			}
		}
	}
	if version == "" || strings.Count(lines, "\n") != len(sdk.Requires) {
		return "", "", fmt.Errorf("this command's go.mod lacks one of %s", strings.Join(sdk.Requires, ", "))
	}
	return version, lines, nil
}
