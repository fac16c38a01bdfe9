// Command corpus converts every Compose project below a folder and asks a real
// API server whether it would take the objects. It prints a row for each project
// and the totals, and exits with 1 when an object is rejected, when a conversion
// panics, or when converting twice gives different bytes:
//
//	make corpus CORPUS=DIR
//
// It also makes the chart of each project, has the helm command check it and render
// it with its defaults, compares object for object with the conversion, and asks
// the API server about these objects, too.
//
// Where DIR has a file compose.tsv, its rows name the projects: repo, the
// comma-separated compose_paths in the order of -f, kind (only app counts),
// project_dir, and env_example, the env file of a project that has no .env; the
// files lie in compose/OWNER+REPO. Otherwise every folder with a file of one of
// the usual names is a project.
package main
