# $l402_unpaid_client where a request is led to another place: it is of the
# place where it is asked for. And it is found out once, whoever asks.

use v5.36;
use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use L402;
use L402::Log;

our $upstream = 'proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;';

# limit_req only counts here: its status is there where it had a key.
our $http = fault('ok') . <<'END' . access_log(
    limit_req_zone $l402_unpaid_client zone=unpaid:1m rate=1r/m;
    limit_req_dry_run on;
    map $l402_unpaid_client $unpaid { volatile; "" no; default yes; }
    map $limit_req_status $limited { volatile; "" no; default yes; }
END
    '$uri $status $early $limited $unpaid');

our $sold = 'l402 weather; l402_price 10sat; l402_invoice_from fault_ok;';
our $free = 'l402 weather; l402_price 0;';

sub field (%with) { 'Authorization: ' . credential(%with) }

# Each: a name, a path, fields of the request, and what is logged: where it
# ended, the status, and whether there was an address in the first location's
# rewrite phase, in the first preaccess phase with a limit, and at the end.
sub sees ($name, @cases) {
    fresh_log();
    my $c = connection();
    for (@cases) {
        my ($what, $path, $fields, $want) = @$_;
        my ($method, $to) = $path =~ /^(?:([A-Z]+) )?(.*)/;
        $c->request($method // 'GET', $to, ref $fields ? $fields : [$fields]);
        is(logged(), $want, "$name - $what");
    }
}

# How often it was decided ahead of the access phase, and how often the access
# phase took that over, since the last call. nginx's debug log tells.
my ($ahead, $taken) = (0, 0);

sub decided () {
    my $log = error_log();
    my @now = (scalar(() = $log =~ /l402 decides ahead for "weather"/g),
               scalar(() = $log =~ /l402 decision was taken ahead/g));
    my $text = join ' ', $now[0] - $ahead, $now[1] - $taken;
    ($ahead, $taken) = @now;
    return $text;
}

no_root_location();
no_long_string();
no_shuffle();
run_tests();

__DATA__

=== TEST 1: rewrites, before the location is final
--- http_config eval: $main::http
--- config eval
<<"END";
    set \$early -;
    location /free_first {
        $main::free
        set \$early \$unpaid;
        rewrite ^ /sold last;
    }
    location /sold_first {
        $main::sold
        set \$early \$unpaid;
        rewrite ^/sold_first(.*) /\$arg_to last;
    }
    location /if {
        $main::free
        set \$early \$unpaid;
        limit_req zone=unpaid;
        if (\$arg_sold) { set \$early "\$early-\$unpaid"; }
        $main::upstream
    }
    location /except {
        $main::free
        limit_except GET { $main::sold }
        set \$early \$unpaid;
        limit_req zone=unpaid;
        $main::upstream
    }
    location /sold { $main::sold limit_req zone=unpaid; $main::upstream }
    location /free { $main::free limit_req zone=unpaid; $main::upstream }
    location /open { limit_req zone=unpaid; $main::upstream }
END
--- script
sees($name,
    ['from free to sold', '/free_first', [], '/sold 402 no yes yes'],
    ['from free to sold, paid', '/free_first', field(),
        '/sold 200 no no no'],
    ['from sold to free', '/sold_first?to=free', [], '/free 200 yes no no'],
    ['from sold to open', '/sold_first?to=open', [], '/open 200 yes no no'],
    ['from sold to open, paid', '/sold_first?to=open', field(),
        '/open 200 no no no'],
    ['from sold to sold', '/sold_first?to=sold', [], '/sold 402 yes yes yes'],
    ['within an if', '/if?sold=1', [], '/if 200 no-no no no'],
    ['limit_except, free', '/except', [], '/except 200 no no no'],
    ['limit_except, sold', 'POST /except', [], '/except 402 - yes yes'],
    ['limit_except, paid', 'POST /except', field(), '/except 200 - no no'],
);


=== TEST 2: internal redirects
--- http_config eval: $main::http
--- config eval
<<"END";
    set \$early \$unpaid;
    location /try { $main::sold try_files /none /inner/a.txt; }
    location /try_free { $main::free try_files /none /sold.txt; }
    location /try_open { try_files /none /sold.txt; }
    location /index/ { $main::sold limit_req zone=unpaid; }
    location /missing { $main::sold error_page 404 = /inner/a.txt; }
    location /missing_free { $main::free error_page 404 = /sold.txt; }
    location /missing_open { error_page 404 = \@sold; }
    location /named { $main::sold error_page 404 = \@named; }
    location /accel { $main::sold $main::upstream }
    location /accel_open { $main::upstream }

    location /inner/ { internal; $main::sold limit_req zone=unpaid; }
    location = /sold.txt { $main::sold limit_req zone=unpaid; }
    location = /dear.txt {
        l402 weather:2; l402_price 1sat; l402_invoice_from fault_ok;
        limit_req zone=unpaid;
    }
    location = /open.txt { limit_req zone=unpaid; }
    location \@named { $main::sold limit_req zone=unpaid; $main::upstream }
    location \@sold { $main::sold limit_req zone=unpaid; $main::upstream }
END
--- user_files
>>> inner/a.txt
content
>>> index/index.html
content
>>> sold.txt
content
>>> dear.txt
content
>>> open.txt
content
--- script
my $to = sub ($path) { "?header=X-Accel-Redirect:$path" };
sees($name,
    ['try_files, paid', '/try', field(), '/inner/a.txt 200 no no no'],
    ['try_files, unpaid', '/try', [], '/try 402 no no yes'],
    ['let in free: decided anew', '/try_free', [],
        '/sold.txt 402 no yes yes'],
    ['let in free, paid', '/try_free', field(), '/sold.txt 200 no no no'],
    ['from an open place', '/try_open', [], '/sold.txt 402 no yes yes'],
    ['from an open place, paid', '/try_open', field(),
        '/sold.txt 200 no no no'],
    ['index, paid', '/index/', field(), '/index/index.html 200 no no no'],
    ['index, unpaid', '/index/', [], '/index/ 402 no yes yes'],
    ['error_page, paid', '/missing', field(), '/inner/a.txt 200 no no no'],
    ['error_page, let in free', '/missing_free', [],
        '/sold.txt 402 no yes yes'],
    ['a named location', '/missing_open', [], '/missing_open 402 no yes yes'],
    ['a named location, paid before', '/named', field(),
        '/named 200 no no no'],
    ['X-Accel-Redirect, inner', '/accel' . $to->('/inner/a.txt'), field(),
        '/inner/a.txt 200 no no no'],
    ['X-Accel-Redirect, the same service', '/accel' . $to->('/sold.txt'),
        field(), '/sold.txt 200 no no no'],
    ['X-Accel-Redirect, another tier', '/accel' . $to->('/dear.txt'),
        field(), '/dear.txt 402 no yes yes'],
    ['X-Accel-Redirect, that tier', '/accel' . $to->('/dear.txt'),
        field(tier => 2), '/dear.txt 200 no no no'],
    ['X-Accel-Redirect, open', '/accel' . $to->('/open.txt'), field(),
        '/open.txt 200 no no no'],
    ['X-Accel-Redirect from an open place',
        '/accel_open' . $to->('/sold.txt'), [], '/sold.txt 402 no yes yes'],
);


=== TEST 3: subrequests: it is the client's request that is let in or not
--- http_config eval: $main::http
--- config eval
<<"END";
    set \$early \$unpaid;
    proxy_set_header X-Unpaid "\$unpaid";
    location /asked {
        auth_request /auth;
        $main::sold
        $main::upstream
    }
    location /auth {
        internal;
        limit_req zone=unpaid;
        proxy_set_header X-Unpaid "\$unpaid";
        $main::upstream
    }
    location /mirrored { mirror /mirror; $main::sold $main::upstream }
    location /mirror {
        internal; $main::sold limit_req zone=unpaid; $main::upstream
    }
    location /page.html { ssi on; $main::sold }
    location /open.html { ssi on; }
    location /part { $main::sold limit_req zone=unpaid; $main::upstream }
END
--- user_files
>>> page.html
<!--# include virtual="/part" -->
>>> open.html
<!--# include virtual="/part" -->
--- script
fresh_log();
# Which places the upstream saw, and what it was told there.
my $told = sub ($want) {
    my @told;
    for (1 .. 200) {
        @told = sort map { m{^GET /(\w+).*^X-Unpaid: (\w+)}ms; "$1:$2" }
            backend_requests();
        last if @told >= split / /, $want;
        select undef, undef, undef, 0.01;
    }
    return "@told";
};
my $want = '';
# The subrequest comes through the rewrite phase of the server as well.
for (['/asked', undef, '402 yes yes yes', 'auth:yes'],
     ['/asked', field(), '200 no no no', 'asked:no auth:no'],
     ['/mirrored', field(), '200 no no no', 'mirror:no mirrored:no'],
     ['/page.html', field(), '200 no no no', 'part:no'],
     ['/open.html', undef, '200 no no no', 'part:no'])
{
    my ($path, $field, $line, $places) = @$_;
    connection()->get($path, $field // ());
    is(logged(), "$path $line", "$name - $path - log");
    $want = join ' ', sort split(/ /, $want), split / /, $places;
    is($told->($want), $want, "$name - $path - upstream");
}


=== TEST 4: a post_action has no client that could pay
--- http_config eval: $main::http
--- config eval
<<"END";
    location /sold {
        $main::sold set \$early \$unpaid; post_action /after; $main::upstream
    }
    location /free {
        $main::free set \$early \$unpaid; post_action /after; $main::upstream
    }
    location /open { set \$early \$unpaid; post_action /after; $main::upstream }
    location /after { $main::sold limit_req zone=unpaid; $main::upstream }
END
--- script
fresh_log();
# It is logged where it ends.
for (['paid', '/sold', field(), '/after 200 no no no'],
     ['unpaid', '/sold', undef, '/after 403 yes yes yes'],
     ['free', '/free', undef, '/after 403 no yes yes'],
     ['open', '/open', undef, '/after 403 no yes yes'])
{
    my ($what, $path, $field, $want) = @$_;
    connection()->get($path, $field // ());
    is(logged(), $want, "$name - $what");
}


=== TEST 5: what auth_request sets is known in the access phase alone
--- http_config eval: $main::http
--- config eval
<<"END";
    set \$early -;
    auth_request_set \$n \$upstream_http_x_n;
    location /auth {
        internal;
        rewrite ^ /?header=X-N:\$http_x_n break;
        $main::upstream
    }
    location /priced {
        limit_req zone=unpaid;
        auth_request /auth;
        l402 weather; l402_price \$n; l402_invoice_from fault_ok;
        $main::upstream
    }
    location /bounded {
        limit_req zone=unpaid;
        auth_request /auth;
        $main::sold
        l402_constraint max_bytes \$n grant=10;
        $main::upstream
    }
END
--- script
my $bounded = field(append => ['max_bytes=10']);
sees($name,
    ['a price', '/priced', 'X-N: 5sat', '/priced 402 - yes yes'],
    ['no price', '/priced', 'X-N: 0', '/priced 200 - yes no'],
    ['a price, paid', '/priced', ['X-N: 5sat', field()],
        '/priced 200 - no no'],
    # The number of a request is not the one of a moment ago.
    ['within a bound', '/bounded', ['X-N: 10', $bounded],
        '/bounded 200 - no no'],
    ['over it', '/bounded', ['X-N: 11', $bounded], '/bounded 402 - no yes'],
    ['no number', '/bounded', ['X-N: x', $bounded], '/bounded 500 - no yes'],
);
is(offer(connection()->get('/priced', 'X-N: 7sat'))->{price_msat}, 7000,
    "$name - the price is the one of the access phase");


=== TEST 6: found out once
--- log_level: debug
--- http_config eval: $main::http
--- config eval
<<"END";
    location /never { $main::sold $main::upstream }
    location /once {
        $main::sold
        set \$early \$unpaid\$l402_unpaid_client;
        limit_req zone=unpaid;
        add_header X-Unpaid \$unpaid always;
        $main::upstream
    }
    location /memo {
        $main::sold l402_memo "for \$unpaid"; $main::upstream
    }
    location /first {
        $main::sold limit_req zone=unpaid; rewrite ^ /second last;
    }
    location /second { $main::sold set \$early \$unpaid; $main::upstream }
    location /bounded {
        $main::sold
        l402_constraint max_bytes \$content_length grant=10;
        limit_req zone=unpaid;
        $main::upstream
    }
    location /limited {
        $main::sold
        limit_req zone=unpaid;
        limit_req_dry_run off;
        $main::upstream
    }
END
--- script
fresh_log();
my $c = connection();
decided();
for (['/never', [], '0 0'],
     ['/never', [field()], '0 0'],
     ['/once', [], '1 1'],
     ['/once', [field()], '1 1'],
     ['/once', [field(key => '5f' x 32)], '1 1'],
     ['/once', [field(valid_for => -1)], '1 1'],
     ['/once', ['Macaroon: ' . hex_credential()], '1 1'],
     ['/once', ['Macaroon: ' . hex_credential(service => 'tides')], '1 1'],
     ['/once', ['Authorization: L402 x'], '1 1'],
     ['/memo', [], '0 0'],
     ['/second', [], '1 1'],
     ['/first', [], '1 1'],
     ['/first', [field()], '1 1'],
     # The zone is used up by now: 429, and no access phase.
     ['/limited', [], '1 0'],
     ['/bounded', [field()], '1 1'])
{
    my ($path, $fields, $want) = @$_;
    $c->get($path, @$fields);
    # Logged, so that the log phase has asked as well.
    logged();
    is(decided(), $want, "$name - $path @{[ $fields->[0] // '' ]}"
        =~ s/ \S{20}.*/ .../r);
}


=== TEST 7: a token that expires while limit_req delays it
--- http_config eval
$main::http . "    limit_req_zone \$server_name zone=all:1m rate=15r/m;"
--- config eval
<<"END";
    location / {
        limit_req zone=unpaid;
        limit_req zone=all burst=5;
        limit_req_dry_run off;
        set \$early \$unpaid;
        $main::sold
        $main::upstream
    }
END
--- script
# The second one waits for 4 seconds.
sees($name, ['at once', '/', field(valid_for => 60), '/ 200 no yes no'],
    ['late', '/', field(valid_for => 3), '/ 402 no yes yes']);
--- backend: 1
