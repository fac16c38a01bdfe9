// Package templates holds the files that gantry fills in or serves: the skeleton
// of charts, and the pages of chart repositories. It has no code but what hands them out.
package templates
