package main

import (
	"encoding/json"
	"regexp"
	"strings"
)

var (
	grammar = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)
	allowed = []string{"quay.io/acme/", "docker.io/library/"}
)

// validate applies the four rules to a request.
func validate(request *Request) (*Response, error) {
	response := &Response{UID: request.UID, Allowed: true}
	object, err := decode(request.Object)
	if err != nil || object == nil || object.Tag == nil {
		return response, err
	}
	tag := object.Tag
	var wrong []string
	if from := tag.From; from != nil && from.Kind == "DockerImage" && !hasPrefix(from.Name) {
		wrong = append(wrong, from.Name+" is not an allowed repository")
	}
	if tag.ReferencePolicy.Type != "Local" {
		wrong = append(wrong, "the reference policy must be Local")
	}
	if tag.ImportPolicy != nil && tag.ImportPolicy.Insecure {
		wrong = append(wrong, "an insecure import is not allowed")
	}
	if !grammar.MatchString(tagName(request, object)) {
		wrong = append(wrong, "no registry can serve this tag")
	}
	if wrong != nil {
		response.Allowed = false
		response.Status = &Status{Code: 422, Message: strings.Join(wrong, "; ")}
	}
	return response, nil
}

// mutate sets the import mode of an image whose reference is new, if it is unset or Legacy.
func mutate(request *Request) (*Response, error) {
	response := &Response{UID: request.UID, Allowed: true}
	object, err := decode(request.Object)
	if err != nil || object == nil || object.Tag == nil {
		return response, err
	}
	old, err := decode(request.OldObject)
	if err != nil {
		return nil, err
	}
	tag := object.Tag
	if tag.From == nil || tag.From.Kind != "DockerImage" || !moved(tag, old) {
		return response, nil
	}
	operation := Operation{Op: "add", Path: "/tag/importPolicy/importMode", Value: json.RawMessage(`"PreserveOriginal"`)}
	switch {
	case tag.ImportPolicy == nil:
		operation.Path = "/tag/importPolicy"
		operation.Value = json.RawMessage(`{"importMode":"PreserveOriginal"}`)
	case tag.ImportPolicy.ImportMode != "" && tag.ImportPolicy.ImportMode != "Legacy":
		return response, nil
	}
	patch, err := json.Marshal([]Operation{operation})
	if err != nil {
		return nil, err
	}
	response.PatchType, response.Patch = "JSONPatch", patch
	return response, nil
}

// decode returns the object of a request, nil if there is none.
func decode(raw json.RawMessage) (*ImageStreamTag, error) {
	var object *ImageStreamTag
	if len(raw) == 0 {
		return nil, nil
	}
	err := json.Unmarshal(raw, &object)
	return object, err
}

// moved reports whether the tag points elsewhere than before.
func moved(tag *TagReference, old *ImageStreamTag) bool {
	return old == nil || old.Tag == nil || old.Tag.From == nil || *old.Tag.From != *tag.From
}

func hasPrefix(name string) bool {
	for _, prefix := range allowed {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// tagName returns the tag in the name STREAM:TAG, "latest" if there is none.
func tagName(request *Request, object *ImageStreamTag) string {
	name := request.Name
	if name == "" {
		name = object.Metadata.Name
	}
	if _, tag, found := strings.Cut(name, ":"); found && tag != "" {
		return tag
	}
	return "latest"
}
