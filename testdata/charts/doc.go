// Command charts renders every chart below a folder with gantry and with helm, and
// compares the bytes: with the chart's own values, and with each of the files
// ci/*-values.yaml that charts have for their tests. It prints a row for each chart
// and the totals, and exits with 1 when there is a difference:
//
//	make corpus-charts CORPUS=DIR
//
// A chart that depends on others which are not there is rendered alone. What is
// random in helm's own output is not compared.
package main
