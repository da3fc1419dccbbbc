package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os/signal"
	"syscall"
)

func answer(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		// A page that was loaded from a file has the origin file:// or null.
		if origin := r.Header.Get("Origin"); origin == "file://" || origin == "null" {
			w.Header().Set("Access-Control-Allow-Origin", origin)
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, text)
	}
}

func main() {
	port := flag.Int("port", 0, "where to listen on 127.0.0.1")
	flag.Parse()
	http.HandleFunc("/health", answer(`{"status":"healthy"}`))
	http.HandleFunc("/hello", answer(`{"hello":"Go"}`))
	server := &http.Server{Addr: fmt.Sprintf("127.0.0.1:%d", *port)}
	ended, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	go func() {
		<-ended.Done()
		server.Shutdown(context.Background())
	}()
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		log.Fatal(err)
	}
}
