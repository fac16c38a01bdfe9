package strict

import (
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

// service checks the ports of a Service.
func service(s *corev1.Service) error {
	var problems []error
	names, ports := map[string]bool{}, map[string]bool{}
	for _, p := range s.Spec.Ports {
		id := fmt.Sprintf("%d/%s", p.Port, p.Protocol)
		switch {
		case len(validation.IsValidPortNum(int(p.Port))) > 0:
			problems = append(problems, fmt.Errorf("port %d", p.Port))
		case ports[id]:
			problems = append(problems, fmt.Errorf("port %s twice", id))
		case len(s.Spec.Ports) > 1 && len(validation.IsDNS1123Label(p.Name)) > 0:
			problems = append(problems, fmt.Errorf("port name %q", p.Name))
		case names[p.Name]:
			problems = append(problems, fmt.Errorf("port name %q twice", p.Name))
		}
		names[p.Name], ports[id] = true, true
	}
	if len(s.Spec.Ports) == 0 && s.Spec.ClusterIP != corev1.ClusterIPNone && s.Spec.Type != corev1.ServiceTypeExternalName {
		problems = append(problems, errors.New("a Service without a port that is not headless"))
	}
	return errors.Join(problems...)
}
