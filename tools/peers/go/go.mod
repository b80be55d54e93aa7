module istag-webhook/peer

go 1.26
