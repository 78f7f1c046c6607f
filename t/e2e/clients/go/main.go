// The reference client of the field, aperture's gRPC interceptor: calls the
// standard health service through the gate, twice, each time as a process
// would that starts anew and finds the token in its store.
//
//	grpc_client <gate's address> <upstream's address> <token store>
//
// The upstream is this program, too.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/chaincfg"
	"github.com/lightninglabs/aperture/l402"
	"github.com/lightninglabs/lndclient"
	"github.com/lightningnetwork/lnd/lntypes"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// payer stands where the connection to lnd does: it pays through the test's
// second Lightning node. The interceptor calls nothing else of lnd's.
type payer struct{ lndclient.LightningClient }

func (payer) PayInvoice(ctx context.Context, invoice string,
	_ btcutil.Amount, _ *uint64) chan lndclient.PaymentResult {

	result := make(chan lndclient.PaymentResult, 1)
	preimage, err := pay(invoice)
	result <- lndclient.PaymentResult{Preimage: preimage, Err: err}
	return result
}

func pay(invoice string) (lntypes.Preimage, error) {
	body, _ := json.Marshal(map[string]string{"invoice": invoice})
	response, err := http.Post(os.Getenv("L402_PAYER_URL")+"/pay",
		"application/json", bytes.NewReader(body))
	if err != nil {
		return lntypes.Preimage{}, err
	}
	defer response.Body.Close()

	var paid struct{ Preimage string }
	if err := json.NewDecoder(response.Body).Decode(&paid); err != nil {
		return lntypes.Preimage{}, err
	}
	return lntypes.MakePreimageFromStr(paid.Preimage)
}

func serve(address string) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	go server.Serve(listener)
}

func check(gate, folder string) (string, error) {
	store, err := l402.NewFileStore(folder)
	if err != nil {
		return "", err
	}
	interceptor := l402.NewInterceptor(
		&lndclient.LndServices{
			Client:      payer{},
			ChainParams: &chaincfg.RegressionNetParams,
		},
		store, 20*time.Second, l402.DefaultMaxCostSats,
		l402.DefaultMaxRoutingFeeSats, true,
	)
	connection, err := grpc.Dial(gate,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithUnaryInterceptor(interceptor.UnaryInterceptor))
	if err != nil {
		return "", err
	}
	defer connection.Close()

	answer, err := grpc_health_v1.NewHealthClient(connection).Check(
		context.Background(), &grpc_health_v1.HealthCheckRequest{})
	return answer.GetStatus().String(), err
}

func main() {
	serve(os.Args[2])

	type answer struct {
		Status int    `json:"status"`
		Text   string `json:"text"`
	}
	var answers []answer
	for i := 0; i < 2; i++ {
		text, err := check(os.Args[1], os.Args[3])
		if err != nil {
			log.Fatal(err)
		}
		answers = append(answers, answer{200, text})
	}
	told, _ := json.Marshal(answers)
	fmt.Println(string(told))
}
