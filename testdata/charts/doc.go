// Command charts renders every chart below a folder with gantry and with helm, and
// compares the bytes: with the chart's own values, and with each of the files
// ci/*-values.yaml that charts have for their tests. It prints a row for each chart
// and the totals, and exits with 1 when there is a difference:
//
//	make corpus-charts CORPUS=DIR
//
// A chart that depends on others which are not there is rendered alone. What is
// random in helm's own output is not compared.
//
// With -releases both tools take each chart through the life of a release instead,
// each on a sandbox of its own: they install it, upgrade it with a value that changes
// objects and with one that adds or removes some, roll back and uninstall. After each
// step every object of one cluster is compared with those of the other:
//
//	make corpus-releases CORPUS=DIR
//
// What two clusters never have alike is not compared; the last lines that are printed
// say what that is.
package main
