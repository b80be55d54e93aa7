// Command peer is a webhook as it is written by hand in Go: the four rules of the comparison and its default, on the
// standard library alone. `tools/bench_peers.py` runs it. It writes no record and counts no metrics.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
)

const largest = 7 << 20 // bytes of a body, as controller-runtime has it

func main() {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /validate", answering(validate))
	mux.HandleFunc("POST /mutate", answering(mutate))
	mux.HandleFunc("POST /null", null)
	address := "127.0.0.1:" + os.Getenv("PEER_PORT")
	log.Fatal(http.ListenAndServeTLS(address, os.Getenv("PEER_CERT"), os.Getenv("PEER_KEY"), mux))
}

// answering returns a handler that reads a review and writes the answer of decide.
func answering(decide func(*Request) (*Response, error)) http.HandlerFunc {
	return func(writer http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(writer, request.Body, largest))
		if err != nil {
			http.Error(writer, err.Error(), http.StatusRequestEntityTooLarge)
			return
		}
		var review Review
		if err := json.Unmarshal(body, &review); err != nil || review.Request == nil {
			http.Error(writer, fmt.Sprintf("expected an AdmissionReview: %v", err), http.StatusBadRequest)
			return
		}
		response, err := decide(review.Request)
		if err != nil {
			http.Error(writer, err.Error(), http.StatusBadRequest)
			return
		}
		answer, err := json.Marshal(Review{APIVersion: review.APIVersion, Kind: review.Kind, Response: response})
		if err != nil {
			http.Error(writer, err.Error(), http.StatusInternalServerError)
			return
		}
		send(writer, answer)
	}
}

// null allows everything; of the body it looks for nothing but the uid, which the API server wants to see again.
func null(writer http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(writer, request.Body, largest))
	if err != nil {
		http.Error(writer, err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	_, after, _ := bytes.Cut(body, []byte(`"uid":"`))
	uid, _, _ := bytes.Cut(after, []byte(`"`))
	send(writer, fmt.Appendf(nil, `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":%q,"allowed":true}}`, uid))
}

func send(writer http.ResponseWriter, answer []byte) {
	writer.Header().Set("Content-Type", "application/json")
	if _, err := writer.Write(answer); err != nil {
		log.Print(err)
	}
}
