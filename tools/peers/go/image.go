package main

import "encoding/json"

// ImageStreamTag is one of image.openshift.io/v1, as github.com/openshift/api declares it.
type ImageStreamTag struct {
	APIVersion   string         `json:"apiVersion,omitempty"`
	Kind         string         `json:"kind,omitempty"`
	Metadata     ObjectMeta     `json:"metadata"`
	Tag          *TagReference  `json:"tag"`
	Generation   int64          `json:"generation"`
	LookupPolicy LookupPolicy   `json:"lookupPolicy"`
	Conditions   []TagCondition `json:"conditions,omitempty"`
	Image        Image          `json:"image"`
}

// ObjectMeta is the metadata of an object.
type ObjectMeta struct {
	Name              string            `json:"name,omitempty"`
	GenerateName      string            `json:"generateName,omitempty"`
	Namespace         string            `json:"namespace,omitempty"`
	UID               string            `json:"uid,omitempty"`
	ResourceVersion   string            `json:"resourceVersion,omitempty"`
	Generation        int64             `json:"generation,omitempty"`
	CreationTimestamp string            `json:"creationTimestamp,omitempty"`
	DeletionTimestamp string            `json:"deletionTimestamp,omitempty"`
	Labels            map[string]string `json:"labels,omitempty"`
	Annotations       map[string]string `json:"annotations,omitempty"`
	OwnerReferences   []json.RawMessage `json:"ownerReferences,omitempty"`
	Finalizers        []string          `json:"finalizers,omitempty"`
	ManagedFields     []json.RawMessage `json:"managedFields,omitempty"`
}

// TagReference is a tag as the spec of a stream stores it.
type TagReference struct {
	Name            string             `json:"name"`
	Annotations     map[string]string  `json:"annotations"`
	From            *ObjectReference   `json:"from,omitempty"`
	Reference       bool               `json:"reference,omitempty"`
	Generation      *int64             `json:"generation"`
	ImportPolicy    *ImportPolicy      `json:"importPolicy,omitempty"`
	ReferencePolicy TagReferencePolicy `json:"referencePolicy,omitempty"`
}

// ObjectReference is the source of a tag.
type ObjectReference struct {
	Kind            string `json:"kind,omitempty"`
	Namespace       string `json:"namespace,omitempty"`
	Name            string `json:"name,omitempty"`
	UID             string `json:"uid,omitempty"`
	APIVersion      string `json:"apiVersion,omitempty"`
	ResourceVersion string `json:"resourceVersion,omitempty"`
	FieldPath       string `json:"fieldPath,omitempty"`
}

// ImportPolicy says how a tag is imported; it is a pointer in a tag, to tell an empty one from none for the patch.
type ImportPolicy struct {
	Insecure   bool   `json:"insecure,omitempty"`
	Scheduled  bool   `json:"scheduled,omitempty"`
	ImportMode string `json:"importMode,omitempty"`
}

// TagReferencePolicy says how pods pull a tag.
type TagReferencePolicy struct {
	Type string `json:"type"`
}

// LookupPolicy says whether pods can name the tags of a stream.
type LookupPolicy struct {
	Local bool `json:"local"`
}

// TagCondition says how an import went.
type TagCondition struct {
	Type               string `json:"type"`
	Status             string `json:"status"`
	LastTransitionTime string `json:"lastTransitionTime,omitempty"`
	Reason             string `json:"reason,omitempty"`
	Message            string `json:"message,omitempty"`
	Generation         int64  `json:"generation"`
}

// Image is what a tag points at.
type Image struct {
	Metadata                     ObjectMeta        `json:"metadata"`
	DockerImageReference         string            `json:"dockerImageReference,omitempty"`
	DockerImageMetadata          json.RawMessage   `json:"dockerImageMetadata,omitempty"`
	DockerImageMetadataVersion   string            `json:"dockerImageMetadataVersion,omitempty"`
	DockerImageManifest          string            `json:"dockerImageManifest,omitempty"`
	DockerImageLayers            []ImageLayer      `json:"dockerImageLayers,omitempty"`
	Signatures                   []json.RawMessage `json:"signatures,omitempty"`
	DockerImageSignatures        [][]byte          `json:"dockerImageSignatures,omitempty"`
	DockerImageManifestMediaType string            `json:"dockerImageManifestMediaType,omitempty"`
	DockerImageConfig            string            `json:"dockerImageConfig,omitempty"`
	DockerImageManifests         []ImageManifest   `json:"dockerImageManifests,omitempty"`
}

// ImageLayer is one of an image.
type ImageLayer struct {
	Name      string `json:"name"`
	Size      int64  `json:"size"`
	MediaType string `json:"mediaType"`
}

// ImageManifest is one of a manifest list.
type ImageManifest struct {
	Digest       string `json:"digest"`
	MediaType    string `json:"mediaType"`
	ManifestSize int64  `json:"manifestSize"`
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
	Variant      string `json:"variant,omitempty"`
}
