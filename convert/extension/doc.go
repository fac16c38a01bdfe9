// Package extension is x-kubernetes: what a Compose file says of Kubernetes in
// its own words, where Compose has none.
//
//	services:
//	  web:
//	    image: nginx
//	    x-kubernetes:
//	      expose: ingress
//	      ingress: {host: shop.example.com, tls: {clusterIssuer: letsencrypt}}
//	      autoscale: {min: 2, max: 10, cpu: 70}
//
// Start at [Read]: it decodes every x-kubernetes of a project, and the labels of
// kompose, into one [Set]. A misspelt or mistyped field is an error with its
// position, and so is an x-kubernetes where it means nothing. Where Kubernetes
// has the type for a field, the field has this type.
//
// The comments of the fields are their documentation: a test writes them into
// schema.json, which [Schema] returns and [Fields] lists.
//
// The package decides nothing of what becomes of a field; convert/rules does.
package extension
