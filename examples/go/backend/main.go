package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
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

// With backend.socket = "pass" the sidecar passes a listening socket as descriptor 3.
func listen(port int) (net.Listener, error) {
	if os.Getenv("LISTEN_PID") == strconv.Itoa(os.Getpid()) {
		return net.FileListener(os.NewFile(3, "http"))
	}
	return net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
}

func main() {
	port := flag.Int("port", 0, "where to listen on 127.0.0.1")
	flag.Parse()
	http.HandleFunc("/health", answer(`{"status":"healthy"}`))
	http.HandleFunc("/hello", answer(`{"hello":"Go"}`))
	listener, err := listen(*port)
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{}
	ended, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	go func() {
		<-ended.Done()
		server.Shutdown(context.Background())
	}()
	if err := server.Serve(listener); err != http.ErrServerClosed {
		log.Fatal(err)
	}
}
