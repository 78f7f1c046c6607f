# What is written further out holds further in, and `l402 off` opens the
# location it stands in and no other.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use L402;

no_root_location();
no_shuffle();
run_tests();

__DATA__

=== TEST 1: from the server to each location
--- config
    l402 weather;
    l402_price 10sat;
    location / { }
    location /a { location /a/b { } }
    location = /x.txt { }
--- user_files
>>> index.html
content
>>> a/b/c
content
>>> x.txt
content
--- request eval
["GET /index.html", "GET /a/b/c", "GET /x.txt", "GET /a/b/none"]
--- error_code eval: [402, 402, 402, 402]
--- response_body_unlike eval: [("content") x 4]
--- invoices: 4


=== TEST 2: from http to the server
--- http_config
    l402 weather;
    l402_price 10sat;
--- config
    location / { }
--- request
GET /index.html
--- error_code: 402
--- invoices: 1


=== TEST 3: off opens that location, and what is in it
--- config
    l402 weather;
    l402_price 10sat;
    location / { }
    location /open { l402 off; location /open/in { } }
    location /open/in/shut { l402 weather; }
    location /opened { }
--- user_files
>>> index.html
content
>>> open/x
content
>>> open/in/x
content
>>> open/in/shut/x
content
>>> opened/x
content
--- request eval
["GET /index.html", "GET /open/x", "GET /open/in/x", "GET /open/in/shut/x",
 "GET /opened/x"]
--- error_code eval: [402, 200, 200, 402, 402]
--- invoices: 3


=== TEST 4: off at the server, on below it
--- http_config
    l402 weather;
    l402_price 10sat;
--- config
    l402 off;
    location / { }
    location /sold { l402 weather; }
--- user_files
>>> index.html
content
>>> sold/x
content
--- request eval
["GET /index.html", "GET /sold/x"]
--- error_code eval: [200, 402]
--- invoices: 1


=== TEST 5: a location's own service, tier and price
--- config
    l402 weather;
    l402_price 10sat;
    location / { }
    location /tides { l402 tides:2; l402_price 25sat; }
--- user_files
>>> tides/x
content
--- request eval
[ map { "GET /tides/x" } 1 .. 4 ]
--- more_headers eval
[ '', map { "Authorization: $_\n" }
    credential(service => 'weather'),
    credential(service => 'tides', tier => 1),
    credential(service => 'tides', tier => 2) ]
--- error_code eval: [402, 402, 402, 200]
--- response_body_like eval
["\"reason\":\"absent\".*\"price_msat\":25000,", "\"reason\":\"wrong_service\"",
 "\"reason\":\"insufficient\"", "^content\n\$"]


=== TEST 6: a service without a tier, below one that has it, is tier 0
--- config
    l402 weather:3;
    l402_price 10sat;
    location / { }
    location /low { l402 weather; }
--- user_files
>>> low/x
content
>>> x
content
--- request eval
["GET /low/x", "GET /x"]
--- more_headers eval
[ ("Authorization: " . credential(tier => 0)) x 2 ]
--- error_code eval: [200, 402]


=== TEST 7: limit_except sells the other methods
--- config
    location / {
        limit_except GET { l402 weather; l402_price 10sat; }
        proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;
    }
--- request eval
["GET /x", "HEAD /x", "POST /x\nbody", "DELETE /x"]
--- error_code eval: [200, 200, 402, 402]
--- invoices: 2
--- backend: 2


=== TEST 8: limit_except opens the methods that it says nothing of
--- config
    location / {
        l402 weather;
        l402_price 10sat;
        limit_except GET { l402 off; }
        proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;
    }
--- request eval
["GET /x", "POST /x\nbody"]
--- error_code eval: [402, 200]
--- backend: 1


=== TEST 9: limit_except inherits
--- config
    location / {
        l402 weather;
        l402_price 10sat;
        limit_except GET { allow all; }
        proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;
    }
--- request eval
["GET /x", "POST /x\nbody"]
--- error_code eval: [402, 402]
--- backend: 0


=== TEST 10: an `if` inherits
--- config
    location / {
        l402 weather;
        l402_price 10sat;
        if ($arg_a) { set $x 1; }
        if ($arg_b) { proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT; }
    }
--- request eval
["GET /index.html", "GET /index.html?a=1", "GET /index.html?b=1"]
--- error_code eval: [402, 402, 402]
--- response_body_unlike eval: [("It works") x 3]
--- backend: 0


=== TEST 11: keys of a location's own verify, and mint, there alone
--- config eval
my $keys = write_secret('other', '5e' x 32 . "\n");
qq{
    l402 weather;
    l402_price 10sat;
    location / { }
    location /own { l402_key_file $keys; }
}
--- user_files
>>> index.html
content
>>> own/x
content
--- request eval
["GET /index.html", "GET /own/x", "GET /index.html", "GET /own/x"]
--- more_headers eval
my ($here, $own) = (credential(), credential(key => '5e' x 32));
[ map { "Authorization: $_" } $here, $here, $own, $own ]
--- error_code eval: [200, 402, 402, 200]


=== TEST 12: several keys: the first mints, all verify
--- config eval
my $keys = write_secret('two', '5e' x 32 . " new\n\n# before\n" . test_key());
qq{
    l402 weather;
    l402_price 10sat;
    l402_key_file $keys;
    location / { }
}
--- user_files
>>> index.html
content
--- request eval
[ ("GET /index.html") x 3 ]
--- more_headers eval
[ map { "Authorization: $_" }
    credential(key => '5e' x 32), credential(), credential(key => '5f' x 32) ]
--- error_code eval: [200, 200, 402]
--- response_body_like eval
["content", "content", "\"reason\":\"bad_signature\""]


=== TEST 13: what is inherited piece by piece
--- config
    l402_price 7sat;
    l402_invoice_from fault_ok;
    l402_invalid_status 401;
    location / { l402 weather; }
    location /back { l402 weather; l402_invalid_status 402; l402_cors off; }
--- http_config eval: fault('ok')
--- request eval
["GET /x", "GET /back/x"]
--- more_headers eval
[ ("Authorization: " . credential(key => '5f' x 32)) x 2 ]
--- error_code eval: [401, 402]
--- response_headers eval
["Access-Control-Allow-Origin: *", "Access-Control-Allow-Origin:"]
--- response_body_like eval
["\"reason\":\"bad_signature\"", "\"price_msat\":7000,"]
--- invoices: 0
