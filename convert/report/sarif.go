package report

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"gantry/charts/diag"
)

// SARIF writes the diagnostics in the Static Analysis Results Interchange Format,
// version 2.1.0, which code hosts show beside the lines of a change. version is
// that of the program, and describe knows the rules.
// https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
func (r *Report) SARIF(w io.Writer, version string, describe func(code string) Rule) error {
	codes := map[string]int{}
	driver := sarifDriver{Name: "gantry", Version: version, Rules: []sarifRule{}}
	for _, d := range slices.SortedStableFunc(slices.Values(r.Diagnostics), func(a, b diag.Diagnostic) int { return cmp.Compare(a.Code, b.Code) }) {
		if _, known := codes[d.Code]; known {
			continue
		}
		codes[d.Code] = len(driver.Rules)
		rule := describe(d.Code)
		driver.Rules = append(driver.Rules, sarifRule{
			ID: d.Code, ShortDescription: sarifText{rule.Short}, FullDescription: sarifText{rule.Full}, Help: sarifText{rule.Help},
			DefaultConfiguration: sarifConfiguration{sarifLevel(d.Severity)},
		})
	}
	run := sarifRun{
		Tool:        sarifTool{driver},
		ColumnKind:  "unicodeCodePoints",
		BaseIDs:     map[string]sarifBase{sarifRoot: {sarifText{"The folder in which gantry was run."}}},
		Invocations: []sarifInvocation{{!r.Diagnostics.HasErrors()}},
		Results:     []sarifResult{},
	}
	lines := map[string][]string{}
	for _, f := range r.files {
		lines[f.Name] = splitLines(string(f.Data))
	}
	seen := map[string]int{}
	for _, d := range r.Diagnostics {
		run.Results = append(run.Results, sarifResult{
			RuleID: d.Code, RuleIndex: codes[d.Code], Level: sarifLevel(d.Severity), Message: sarifText{sarifMessage(d)},
			Locations: sarifLocations(d, lines[d.Pos.File]), Fingerprints: map[string]string{"gantryKey/v1": fingerprint(d, seen)},
		})
	}
	return writeJSON(w, sarifLog{Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run}})
}

// sarifRoot stands for the folder that the names of files start from. Code hosts
// take it for the root of the repository.
const sarifRoot = "%SRCROOT%"

func sarifLevel(s diag.Severity) string {
	switch s {
	case diag.Note:
		return "note"
	case diag.Warning:
		return "warning"
	default:
		return "error"
	}
}

func sarifMessage(d diag.Diagnostic) string {
	text := d.Summary
	if len(d.Path) > 0 {
		text = d.Path.String() + ": " + text
	}
	if d.Hint != "" {
		text += " (" + d.Hint + ")"
	}
	return text
}

// sarifLocations says where a diagnostic is. One without a file has no place; the
// whole file has no region.
func sarifLocations(d diag.Diagnostic, lines []string) []sarifLocation {
	location := sarifLocation{}
	if d.Pos.File != "" {
		location.Physical = &sarifPhysical{Artifact: sarifArtifact(d.Pos.File)}
		if d.Pos.Line > 0 {
			region := &sarifRegion{StartLine: d.Pos.Line, StartColumn: d.Pos.Column}
			if d.Pos.Column > 0 && d.Pos.Line <= len(lines) && len(lines[d.Pos.Line-1]) <= maxSource {
				start, length := span(lines[d.Pos.Line-1], d)
				region.EndColumn = start + 1 + length
			}
			location.Physical.Region = region
		}
	}
	if len(d.Path) > 0 {
		location.Logical = []sarifLogical{{d.Path.String(), "member"}}
	}
	if location.Physical == nil && location.Logical == nil {
		return nil
	}
	return []sarifLocation{location}
}

// sarifArtifact names a file by a URI that is relative to the root where it can be.
func sarifArtifact(file string) sarifFile {
	if filepath.IsAbs(file) {
		return sarifFile{URI: (&url.URL{Scheme: "file", Path: filepath.ToSlash(file)}).String()}
	}
	if file == "<stdin>" {
		file = "stdin"
	}
	return sarifFile{URI: (&url.URL{Path: filepath.ToSlash(file)}).String(), Base: sarifRoot}
}

// fingerprint knows a diagnostic again after lines were added above it.
func fingerprint(d diag.Diagnostic, seen map[string]int) string {
	id := strings.Join(append([]string{d.Pos.File, d.Code}, d.Path...), "\x00")
	if len(d.Path) == 0 {
		id += "\x00" + d.Summary
	}
	seen[id]++
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d", id, seen[id]))
	return hex.EncodeToString(sum[:16])
}

type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool        sarifTool            `json:"tool"`
		ColumnKind  string               `json:"columnKind"`
		BaseIDs     map[string]sarifBase `json:"originalUriBaseIds"`
		Invocations []sarifInvocation    `json:"invocations"`
		Results     []sarifResult        `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID                   string             `json:"id"`
		ShortDescription     sarifText          `json:"shortDescription"`
		FullDescription      sarifText          `json:"fullDescription"`
		Help                 sarifText          `json:"help"`
		DefaultConfiguration sarifConfiguration `json:"defaultConfiguration"`
	}
	sarifConfiguration struct {
		Level string `json:"level"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifBase struct {
		Description sarifText `json:"description"`
	}
	sarifInvocation struct {
		ExecutionSuccessful bool `json:"executionSuccessful"`
	}
	sarifResult struct {
		RuleID       string            `json:"ruleId"`
		RuleIndex    int               `json:"ruleIndex"`
		Level        string            `json:"level"`
		Message      sarifText         `json:"message"`
		Locations    []sarifLocation   `json:"locations,omitempty"`
		Fingerprints map[string]string `json:"partialFingerprints"`
	}
	sarifLocation struct {
		Physical *sarifPhysical `json:"physicalLocation,omitempty"`
		Logical  []sarifLogical `json:"logicalLocations,omitempty"`
	}
	sarifPhysical struct {
		Artifact sarifFile    `json:"artifactLocation"`
		Region   *sarifRegion `json:"region,omitempty"`
	}
	sarifFile struct {
		URI  string `json:"uri"`
		Base string `json:"uriBaseId,omitempty"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn,omitempty"`
		EndColumn   int `json:"endColumn,omitempty"`
	}
	sarifLogical struct {
		Name string `json:"fullyQualifiedName"`
		Kind string `json:"kind"`
	}
)
