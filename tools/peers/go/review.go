package main

import "encoding/json"

// Review is an AdmissionReview, as k8s.io/api/admission/v1 declares it.
type Review struct {
	APIVersion string    `json:"apiVersion,omitempty"`
	Kind       string    `json:"kind,omitempty"`
	Request    *Request  `json:"request,omitempty"`
	Response   *Response `json:"response,omitempty"`
}

// Request is the question. What the objects are depends on the resource, so they are decoded later.
type Request struct {
	UID                string            `json:"uid"`
	Kind               GroupVersionKind  `json:"kind"`
	Resource           GroupVersion      `json:"resource"`
	SubResource        string            `json:"subResource,omitempty"`
	RequestKind        *GroupVersionKind `json:"requestKind,omitempty"`
	RequestResource    *GroupVersion     `json:"requestResource,omitempty"`
	RequestSubResource string            `json:"requestSubResource,omitempty"`
	Name               string            `json:"name,omitempty"`
	Namespace          string            `json:"namespace,omitempty"`
	Operation          string            `json:"operation"`
	UserInfo           UserInfo          `json:"userInfo"`
	Object             json.RawMessage   `json:"object,omitempty"`
	OldObject          json.RawMessage   `json:"oldObject,omitempty"`
	DryRun             *bool             `json:"dryRun,omitempty"`
	Options            json.RawMessage   `json:"options,omitempty"`
}

// GroupVersionKind names a kind.
type GroupVersionKind struct {
	Group   string `json:"group"`
	Version string `json:"version"`
	Kind    string `json:"kind"`
}

// GroupVersion names a resource.
type GroupVersion struct {
	Group    string `json:"group"`
	Version  string `json:"version"`
	Resource string `json:"resource"`
}

// UserInfo is who asks.
type UserInfo struct {
	Username string              `json:"username,omitempty"`
	UID      string              `json:"uid,omitempty"`
	Groups   []string            `json:"groups,omitempty"`
	Extra    map[string][]string `json:"extra,omitempty"`
}

// Response is the answer.
type Response struct {
	UID       string  `json:"uid"`
	Allowed   bool    `json:"allowed"`
	Status    *Status `json:"status,omitempty"`
	PatchType string  `json:"patchType,omitempty"`
	Patch     []byte  `json:"patch,omitempty"`
}

// Status is a Status of meta/v1.
type Status struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// Operation is one of a JSON patch.
type Operation struct {
	Op    string          `json:"op"`
	Path  string          `json:"path"`
	Value json.RawMessage `json:"value"`
}
