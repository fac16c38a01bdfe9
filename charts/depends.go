package charts

// DependsOn is the annotation by which a workload names those that it comes after,
// as Compose's depends_on does: "db=healthy, migrate=completed, mail". A name is
// that of the object, or its label app.kubernetes.io/name, which a prefix of the
// release does not change. What is not in the release is not waited for.
const DependsOn = "gantry.dev/depends-on"
