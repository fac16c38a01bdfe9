package picture_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"gantry/charts/picture"
)

const objects = `
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  template:
    metadata: {labels: {app: web, tier: front}}
    spec:
      serviceAccountName: web
      containers:
        - name: web
          image: example.com/web:1
          env:
            - {name: DATABASE_URL, value: "postgres://web@db.default:5432/web"}
            - {name: WEB_NAME, value: web}
          envFrom: [{configMapRef: {name: web-env}}]
          volumeMounts: [{name: files, mountPath: /files}]
      volumes:
        - {name: files, persistentVolumeClaim: {claimName: files}}
        - {name: own, projected: {}}
---
kind: StatefulSet
metadata: {name: db}
spec:
  template:
    metadata: {labels: {app: db}}
    spec:
      containers:
        - name: db
          image: postgres:17
          env: [{name: PASSWORD, valueFrom: {secretKeyRef: {name: db, key: password}}}]
          volumeMounts: [{name: data, mountPath: /data}]
  volumeClaimTemplates: [{metadata: {name: data}}]
---
kind: CronJob
metadata: {name: backup}
spec:
  schedule: "0 3 * * *"
  jobTemplate:
    spec:
      template:
        spec:
          containers: [{name: backup, image: restic}]
          volumes: [{name: files, persistentVolumeClaim: {claimName: files}}]
---
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, type: NodePort, ports: [{port: 80, nodePort: 30080}, {port: 53, protocol: UDP}]}
---
kind: Service
metadata: {name: db}
spec: {selector: {app: db}, ports: [{port: 5432}]}
---
kind: Service
metadata: {name: elsewhere}
spec: {type: ExternalName, externalName: example.com}
---
kind: Ingress
metadata: {name: web}
spec: {rules: [{host: web.example.com, http: {paths: [{backend: {service: {name: web}}}]}}]}
---
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec: {scaleTargetRef: {kind: Deployment, name: web}, minReplicas: 2, maxReplicas: 5}
---
kind: PodDisruptionBudget
metadata: {name: web}
spec: {selector: {matchLabels: {tier: front}}}
---
kind: NetworkPolicy
metadata: {name: all}
spec: {podSelector: {}}
---
kind: ServiceAccount
metadata: {name: web}
---
kind: Secret
metadata: {name: db}
---
kind: ConfigMap
metadata: {name: web-env}
data: {CACHE: db}
---
kind: PersistentVolumeClaim
metadata: {name: files}
spec: {resources: {requests: {storage: 1Gi}}}
---
kind: Pod
metadata: {name: test, annotations: {helm.sh/hook: test}}
spec: {containers: [{image: busybox}]}
`

func decode(t *testing.T, text string) []map[string]any {
	t.Helper()
	var list []map[string]any
	for doc := range strings.SplitSeq(text, "\n---\n") {
		var o map[string]any
		if err := yaml.Unmarshal([]byte(doc), &o); err != nil {
			t.Fatal(err)
		}
		list = append(list, o)
	}
	return list
}

func TestOf(t *testing.T) {
	got := picture.Of("shop", decode(t, objects))
	want := &picture.Picture{
		Name: "shop",
		Boxes: []*picture.Box{
			{
				Kind: picture.JobBox, Name: "backup", Image: "restic", Scale: "0 3 * * *",
				Mounts:  []picture.Mount{{Kind: "volume", Source: "files"}},
				Objects: []picture.Object{{Kind: "CronJob", Name: "backup"}},
			},
			{
				Kind: picture.ServiceBox, Name: "db", Image: "postgres:17",
				Ports:   []picture.Port{{Target: "5432"}},
				Mounts:  []picture.Mount{{Kind: "volume", Source: "data", Target: "/data"}},
				Objects: []picture.Object{{Kind: "StatefulSet", Name: "db"}, {Kind: "Service", Name: "db"}, {Kind: "Secret", Name: "db"}},
			},
			{
				Kind: picture.ServiceBox, Name: "web", Image: "example.com/web:1", Scale: "×2–5",
				Ports:  []picture.Port{{Published: "30080", Target: "80"}, {Published: "any", Target: "53", Protocol: "udp"}},
				Hosts:  []string{"web.example.com"},
				Mounts: []picture.Mount{{Kind: "volume", Source: "files", Target: "/files"}},
				Objects: []picture.Object{
					{Kind: "Deployment", Name: "web"},
					{Kind: "Service", Name: "web"},
					{Kind: "Ingress", Name: "web"},
					{Kind: "HorizontalPodAutoscaler", Name: "web"},
					{Kind: "PodDisruptionBudget", Name: "web"},
					{Kind: "ServiceAccount", Name: "web"},
					{Kind: "ConfigMap", Name: "web-env"},
				},
			},
			{Kind: picture.VolumeBox, Name: "files", Image: "1Gi", Objects: []picture.Object{{Kind: "PersistentVolumeClaim", Name: "files"}}},
		},
		Arrows: []picture.Arrow{
			{From: 0, To: 3, Kind: picture.MountsArrow, Why: "backup mounts files"},
			{From: 2, To: 3, Kind: picture.MountsArrow, Why: "web mounts files"},
			{From: 2, To: 1, Kind: picture.DependsArrow, Why: "web names db in DATABASE_URL"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var svg bytes.Buffer
	if err := got.SVG(&svg); err != nil {
		t.Fatal(err)
	}
}

// FuzzOf wants a picture of whatever anybody publishes.
func FuzzOf(f *testing.F) {
	f.Add(objects)
	f.Add("kind: Deployment\nspec: {template: [1], replicas: {}}\nmetadata: 3")
	f.Add("kind: Service\nspec: {selector: {a: [b]}, ports: {}}")
	f.Fuzz(func(t *testing.T, text string) {
		var list []map[string]any
		for doc := range strings.SplitSeq(text, "\n---\n") {
			var o map[string]any
			if yaml.Unmarshal([]byte(doc), &o) == nil {
				list = append(list, o)
			}
		}
		p := picture.Of("fuzz", list)
		var first, again bytes.Buffer
		if err := p.SVG(&first); err != nil {
			t.Fatal(err)
		}
		if err := picture.Of("fuzz", list).SVG(&again); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(first.Bytes(), again.Bytes()) {
			t.Error("the same objects give two pictures")
		}
	})
}
