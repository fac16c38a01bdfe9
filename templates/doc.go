// Package templates holds the files that gantry fills in or serves: the skeleton
// of charts, the pages of chart repositories, and the report of a conversion. It has no code but what hands them out.
package templates
