package kube

import (
	"context"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// User asks the API server who it takes us for. Whoever may not ask has no name: it
// is told to people, and decides nothing.
func (c *Cluster) User(ctx context.Context) string {
	client, err := c.Clientset()
	if err != nil {
		return ""
	}
	var review *authenticationv1.SelfSubjectReview
	err = repeat(ctx, func() (bool, error) {
		review, err = client.AuthenticationV1().SelfSubjectReviews().Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
		return err != nil && lostAnswer(err), err // asking twice changes nothing
	})
	if err != nil {
		return ""
	}
	return review.Status.UserInfo.Username
}
