package compose_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/google/go-cmp/cmp"

	"gantry/charts/diag"
	"gantry/convert/compose"
)

// TestParseEnv reads env files of which something is missing or wrong. Each is told
// where it stands, and no value is quoted.
func TestParseEnv(t *testing.T) {
	lookup := func(name string) (string, bool) { return "here", name == "SET" }
	raw := func(name string, data []byte, _ map[string]string, lookup dotenv.LookupFn) (map[string]string, diag.List) {
		return compose.ParseRawEnv(name, data, lookup)
	}
	for name, c := range map[string]struct {
		parse      func(string, []byte, map[string]string, dotenv.LookupFn) (map[string]string, diag.List)
		text, want string
		vars       map[string]string
	}{
		"unset": {
			compose.ParseEnv, "# ${COMMENT}\nA=${NONE}x\nB='${QUOTED}'\nC=\"1\n  ${LINES} $SET\" # $AFTER\n",
			"f:2:3: warning: variable NONE is not set: it is empty [variable-unset]\n" +
				"f:5:3: warning: variable LINES is not set: it is empty [variable-unset]\n",
			map[string]string{"A": "x", "B": "${QUOTED}", "C": "1\n   here"},
		},
		"set or optional": {
			compose.ParseEnv, "A=1\nB=$A ${SET} ${NONE:-2}${NONE-3}${NONE:+4}${SET:-$OTHER} #$OTHER\nC=$$A \\$A\nD=\"\\$NONE\"\n",
			"",
			map[string]string{"A": "1", "B": "1 here 23here", "C": "$A \\1", "D": "$NONE"},
		},
		"both": {
			compose.ParseEnv, "A=${NONE:-1}$NONE\n",
			"f:1:13: warning: variable NONE is not set: it is empty [variable-unset]\n",
			map[string]string{"A": "1"},
		},
		"a password": {
			compose.ParseEnv, "P=pa$word\n",
			"f:1:5: warning: variable word is not set: it is empty [variable-unset]\n",
			map[string]string{"P": "pa"},
		},
		"names alone": {
			compose.ParseEnv, "SET\nexport GONE\nLAST",
			"f:2:1: warning: variable GONE has no value, here or in the environment: it is left out [variable-unset]\n" +
				"f:3:1: warning: variable LAST has no value, here or in the environment: it is left out [variable-unset]\n",
			map[string]string{"SET": "here"},
		},
		"wrong": {
			compose.ParseEnv, "\ufeffs3cret!token\r\nA B=s3cret\r\nC=${s3cret\r\nD=${NEEDED:?s3cret}\r\nE=1\r\nF=\"s3cret",
			"f:1:1: error: is not KEY=value [env-file-syntax]\n" +
				"f:2:1: error: is not KEY=value [env-file-syntax]\n" +
				"f:3:1: error: has a $ that begins no variable [env-file-syntax]\n" +
				"f:4:1: error: variable NEEDED must be set [env-file-syntax]\n" +
				"f:6:1: error: quotes are not closed [env-file-syntax]\n",
			map[string]string{"E": "1"},
		},
		"bytes":       {compose.ParseEnv, "A=1\nB=\x00s3cret", "f:2:3: error: is no UTF-8 text here [env-file-syntax]\n", map[string]string{}},
		"bytes, raw":  {raw, "B=\xffs3cret", "f:1:3: error: is no UTF-8 text here [env-file-syntax]\n", map[string]string{}},
		"raw":         {raw, "A=\"$B\"\n # C=1\n\tD= x \n", "", map[string]string{"A": `"$B"`, "D": " x "}},
		"alone, raw":  {raw, "SET\r\nGONE\r\n", "f:2:1: warning: variable GONE has no value, here or in the environment: it is left out [variable-unset]\n", map[string]string{"SET": "here"}},
		"too many":    {compose.ParseEnv, "A=1\nB=" + strings.Repeat("${a:-", 1e5), "f:2:1: error: mentions more than 200 variables [env-file-syntax]\n", map[string]string{"A": "1"}},
		"one line":    {compose.ParseEnv, `A="1"B='2' C="$X"`, "f:1:15: warning: variable X is not set: it is empty [variable-unset]\n", map[string]string{"A": "1", "B": "2", "C": ""}},
		"other signs": {compose.ParseEnv, "A : 1\nB:\n", "", map[string]string{"A": "1", "B": ""}},
	} {
		t.Run(name, func(t *testing.T) {
			vars, list := c.parse("f", []byte(c.text), nil, lookup)
			var got strings.Builder
			for _, d := range list {
				got.WriteString(d.String() + "\n")
			}
			if diff := cmp.Diff(c.want, got.String()); diff != "" {
				t.Errorf("diagnostics (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.vars, vars); diff != "" {
				t.Errorf("variables (-want +got):\n%s", diff)
			}
			if strings.Contains(got.String(), "s3cret") {
				t.Error("the diagnostics quote the file")
			}
		})
	}
}

// FuzzParseEnv reads any env file. What compose-go reads of the whole file is what
// is read of it statement by statement, and what it refuses is refused.
func FuzzParseEnv(f *testing.F) {
	for _, text := range []string{
		"A=1\nB=${A}\n", "export A=\"a\\\"b\\\\\"C='x\ny' # z\nD=a # b\n#c\n\n E : f\r\n", "A=\"$$x \\$y\"", "A", "A=${B:?c}", "A='", "A B", "\ufeffA=1\n\ufeffB=2", "=x\n", "export\nA=1",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		lookup := func(name string) (string, bool) { return "here", name == "SET" }
		got, list := compose.ParseEnv("f", data, nil, lookup)
		for _, d := range list {
			lines := bytes.Split(bytes.TrimPrefix(data, []byte("\ufeff")), []byte("\n"))
			if d.Pos.Line < 1 || d.Pos.Line > len(lines) || d.Pos.Column < 1 || d.Pos.Column > len(lines[d.Pos.Line-1]) {
				t.Errorf("%v lies outside of the file", d)
			}
		}
		// At the end of a file, compose-go takes a name alone for the value of "".
		want, err := dotenv.ParseWithLookup(bytes.NewReader(append(bytes.Clone(data), '\n')), lookup)
		switch {
		case err != nil && !list.HasErrors():
			t.Errorf("compose-go refuses it: %v", err)
		case err == nil && list.HasErrors() && !bytes.ContainsRune(data, 0) && strings.ToValidUTF8(string(data), "") == string(data):
			t.Errorf("compose-go takes it: %v", list)
		case err == nil && !list.HasErrors():
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-compose-go +got):\n%s", diff)
			}
		}
	})
}

// TestEnvFilesInOrder reads several env files, for the application and for what it
// includes: the last that sets a variable wins, and mentions what those before it set.
func TestEnvFilesInOrder(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.env": "REPO=acme\nTAG=1\n", "b.env": "TAG=2\nIMAGE=${REPO}/web:${TAG}\n",
		"compose.yaml": "include: [{path: inner.yaml, env_file: [a.env, b.env]}]\nservices: {web: {image: \"${IMAGE:-none}\"}}\n",
		"inner.yaml":   "services: {inner: {image: \"${IMAGE}\"}}\n",
	} {
		write(t, filepath.Join(dir, name), []byte(text))
	}
	for _, c := range []struct {
		files []string
		web   string
	}{{nil, "none"}, {[]string{"a.env", "b.env"}, "acme/web:2"}} {
		project, list, err := compose.Load(t.Context(), compose.Source{WorkingDir: dir, EnvFiles: c.files})
		if err != nil || len(list) > 0 {
			t.Fatalf("got %v, %v", list, err)
		}
		if web, inner := project.Services["web"].Image, project.Services["inner"].Image; web != c.web || inner != "acme/web:2" {
			t.Errorf("got %s and %s", web, inner)
		}
	}
}
