// Package merge brings what a person changed in a generated chart together with
// what is generated now.
//
// [Merge] takes three versions of a chart: the base, which was generated last
// time, the chart as it is, and what is generated now. What only one side changed
// is taken from that side. Where both changed the same, there is a [Conflict]:
// nothing is decided unless a [Choice] says how.
//
// How finely a file is merged depends on its kind:
//
//   - values.yaml, Chart.yaml and values.schema.json are merged key by key. The
//     text of the person stays, byte for byte, wherever nothing is put in or taken
//     away: comments, order, quotes and indentation are theirs.
//   - other text is merged line by line, as git does it: changes that touch each
//     other are a conflict.
//   - what is no text has to agree as a whole.
//
// A [Record] is the base as it is kept in the chart. The package is made of pure
// functions over files: it reads and writes none.
package merge
