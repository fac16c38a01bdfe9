package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gantry/convert/compose"
)

// project is a Compose application of the corpus.
type project struct {
	name   string
	source compose.Source
}

// findProjects lists the projects below a folder.
func findProjects(dir string) ([]project, error) {
	table, err := os.Open(filepath.Join(dir, "compose.tsv"))
	if errors.Is(err, fs.ErrNotExist) {
		return walkProjects(dir)
	}
	if err != nil {
		return nil, err
	}
	defer table.Close()
	r := csv.NewReader(table)
	r.Comma, r.LazyQuotes, r.FieldsPerRecord = '\t', true, -1
	rows, err := r.ReadAll()
	if err != nil || len(rows) == 0 {
		return nil, fmt.Errorf("read %s: %w", table.Name(), errors.Join(err))
	}
	column := func(row []string, name string) string {
		if i := slices.Index(rows[0], name); i >= 0 && i < len(row) {
			return row[i]
		}
		return ""
	}
	var projects []project
	for _, row := range rows[1:] {
		if column(row, "kind") != "app" {
			continue
		}
		root := filepath.Join(dir, "compose", strings.ReplaceAll(column(row, "repo"), "/", "+"))
		src := compose.Source{WorkingDir: root, Allow: []string{root}, Profiles: []string{"*"}, Dir: column(row, "project_dir")}
		src.Files = strings.Split(column(row, "compose_paths"), ",")
		if env := column(row, "env_example"); env != "" && column(row, "dotenv") == "" {
			src.EnvFiles = []string{env}
		}
		projects = append(projects, project{column(row, "repo") + " " + src.Files[0], src})
	}
	return projects, nil
}

// walkProjects takes every folder with a Compose file for a project.
func walkProjects(dir string) ([]project, error) {
	var projects []project
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if !slices.Contains([]string{"compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"}, d.Name()) {
			return nil
		}
		name, err := filepath.Rel(dir, path)
		projects = append(projects, project{name, compose.Source{WorkingDir: filepath.Dir(path), Files: []string{d.Name()}, Allow: []string{dir}, Profiles: []string{"*"}}})
		return err
	})
	return projects, err
}
