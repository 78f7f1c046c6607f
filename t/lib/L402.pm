# What the t/*.t have in common; `use Test::Nginx::Socket` comes before it.
#
#   use lib 't/lib';
#   use Test::Nginx::Socket 'no_plan';
#   use L402;
#   run_tests();
#
# Every block's http {} begins with a key file and the invoice services: node
# (the default), tls, and fault_<name> for each of the fault responder's. The
# upstream is http://127.0.0.1:$TEST_NGINX_BACKEND_PORT (L402/Backend.pm). A
# block that says nothing else is also checked for a clean error log.
#
# Sections beside those of Test::Nginx:
#   --- invoices: 1         invoices that the node made meanwhile
#   --- backend: 0          requests that reached the upstream
#   --- backend_like        each line a regex for the text that reached it
#   --- backend_unlike
#   --- script              instead of a request: Perl, run in package main
#                           while nginx runs; $name is the block's. It has
#                           is, ok, like, connection() and the rest
#   --- bare_http_config    nothing is put in front of http_config
#   --- allow_emerg         a reload that is refused is the test
#
# For `eval` sections and scripts: credential(), mint() and the rest of
# L402/Token.pm, verdict() and the rest of L402/Gate.pm, and what is exported
# below.

package L402;

use v5.36;
use Cwd qw(abs_path);
use Exporter 'import';
use File::Basename qw(dirname);
use HTTP::Tiny;
use JSON::PP qw(decode_json encode_json);
use L402::Backend;
use L402::Connection;
use L402::Gate;
use L402::Token;
use Test::More import => [qw(is ok like unlike is_deeply fail)];
use Test::Nginx::Socket ();

our @EXPORT = (
    @L402::Token::EXPORT, @L402::Gate::EXPORT,
    qw(http_config service fault env key_file write_secret reload
       buy pay invoices_made fault_calls settlement_calls fault_last
       connection backend_requests error_log
       is ok like unlike is_deeply),
);

# Where Test::Base evaluates sections.
{ package Test::Base::Filter; L402->import }

our @faults = qw(hang close half drip s401 s404 s500 empty garbage huge amount
                 noamount hash network expired long slow50 slow500);

my $repo = abs_path(dirname(__FILE__) . '/../..');
my $build = $ENV{L402_BUILD} // "$repo/build";
my $dir = "$build/t";
-d or mkdir or die "$_: $!" for $build, $dir;

# Test::Nginx forks, and END blocks run in its children as well.
my $parent = $$;
my %written;
END { unlink keys %written if $parent == $$ }

# t/run sets it to the module that is under test.
$Test::Nginx::Util::LoadModules ||= $ENV{L402_MODULE}
    // "$build/ngx_http_l402_module.so";
$Test::Nginx::Util::LogLevel = 'info' unless $ENV{TEST_NGINX_LOG_LEVEL};

sub env ($name) {
    return $ENV{$name} // die "$name is not set: run by t/run nginx\n";
}

# A file that others may not read; returns its path.
sub write_secret ($name, $text, $mode = 0600) {
    my $path = "$dir/$$-$name";
    unlink $path;
    open my $out, '>:raw', $path or die "$path: $!";
    chmod $mode, $path;
    print $out $text;
    close $out or die "$path: $!";
    $written{$path} = 1;
    return $path;
}

sub key_file {
    state $path = write_secret('keys', test_key() . " of the tests\n");
    return $path;
}

# A block; `more` are further lines of it.
sub service ($name, %with) {
    my $url = $with{url} // env('L402_NODE_URL');
    my $macaroon = env('L402_NODE_MACAROON');
    my $more = $with{more} // '';
    return <<"END";
    l402_invoice_service $name {
        protocol lnd;
        url $url;
        credential_file $macaroon;
        network regtest;
        $more
    }
END
}

# One that misbehaves; fault_calls() counts what it was asked for.
# Asked however often it fails, unless `more` says otherwise.
sub fault ($name, $more = 'timeout 2s; max_fails 0;') {
    return service("fault_$name", more => $more,
                   url => env('L402_FAULT_URL') . "/$name-t$$");
}

sub http_config ($more = '') {
    return "    l402_key_file " . key_file() . ";\n"
        . service('node')
        . service('tls', url => env('L402_NODE_TLS_URL'),
                  more => 'ca_file ' . env('L402_NODE_CERT') . ';')
        . join('', map { fault($_) } @faults)
        . "    l402_invoice_from node;\n"
        . $more;
}

sub get_json ($url) {
    my $response = HTTP::Tiny->new(timeout => 20)->get($url);
    $response->{success} or die "$url: $response->{status}\n";
    return decode_json($response->{content});
}

sub invoices_made {
    return get_json(env('L402_PAYER_URL') . '/stats')->{invoices};
}

sub fault_calls ($name) {
    return get_json(env('L402_FAULT_URL') . '/stats')->{"$name-t$$"} // 0;
}

# How often it was asked about settlements, or about the one of `hash`.
sub settlement_calls ($name, $hash = 'settlement') {
    return get_json(env('L402_FAULT_URL') . '/stats')->{"$name-t$$/$hash"} // 0;
}

# What the latest call asked for.
sub fault_last ($name) {
    my $last = get_json(env('L402_FAULT_URL') . "/last/$name-t$$");
    return decode_json($last->{body});
}

# Pays with the second node; returns the preimage.
sub pay ($invoice) {
    my $response = HTTP::Tiny->new(timeout => 60)->post(
        env('L402_PAYER_URL') . '/pay',
        { content => encode_json({ invoice => $invoice }) });
    $response->{success}
        or die "pay: $response->{status} $response->{content}\n";
    return decode_json($response->{content})->{preimage};
}

# Pays what a WWW-Authenticate value asks for; adds preimage and
# authorization to its parameters.
sub buy ($value) {
    my $challenge = parse_challenge($value)
        // die "no challenge: " . ($value // 'undef') . "\n";
    $challenge->{preimage} = pay($challenge->{invoice});
    $challenge->{authorization} =
        "L402 $challenge->{macaroon}:$challenge->{preimage}";
    return $challenge;
}

# A client's connection to the nginx under test: L402/Connection.pm.
sub connection ($at = undef, %with) {
    return L402::Connection->new(
        $at // Test::Nginx::Util::server_port(), %with);
}

# The workers that take connections, by their process ids.
sub workers ($master) {
    open my $in, '<', "/proc/$master/task/$master/children" or return ();
    return grep {
        open my $title, '<', "/proc/$_/cmdline";
        $title && (<$title> // '') =~ /worker process\W*$/;
    } split / /, <$in> // '';
}

# Reads the configuration anew; returns when the old workers take no more
# connections and as many new ones do. Dies with nginx's own words where it
# keeps the old one. For a block with master_on().
sub reload {
    my $file = "$Test::Nginx::Util::ServRoot/logs/nginx.pid";
    my $count = $Test::Nginx::Util::Workers;
    open my $in, '<', $file or die "$file: $!";
    chomp(my $master = <$in>);
    my (%old, $sent);
    my $before = () = error_log() =~ /\[emerg\]/g;
    for (1 .. 3000) {
        my @now = workers($master);
        my @refused = error_log() =~ /\[emerg\] (.*)/g;
        die "$refused[-1]\n" if @refused > $before;
        # At first they may not have their names yet.
        if (!$sent && @now == $count) {
            %old = map { $_ => 1 } @now;
            $sent = kill HUP => $master or die "reload: $!";
        }
        return if $sent && @now == $count && !grep { $old{$_} } @now;
        select undef, undef, undef, 0.01;
    }
    die "no reload\n";
}

sub error_log {
    my $file = "$Test::Nginx::Util::ServRoot/logs/error.log";
    open my $in, '<:raw', $file or return '';
    local $/;
    return <$in> // '';
}

my $backend = L402::Backend->start("$dir/$$-backend");
$ENV{TEST_NGINX_BACKEND_PORT} = $backend->{port};
sub backend_requests { return $backend->requests }

END {
    if ($backend && $backend->{parent} == $$) {
        my $status = $?;
        $backend->stop;
        unlink $backend->{file};
        $? = $status;
    }
}

my $invoices;

Test::Nginx::Socket::add_block_preprocessor(sub ($block) {
    unless (defined $block->bare_http_config) {
        $block->set_value('http_config',
                          http_config($block->http_config // ''));
    }

    my @clean = ('[alert]', '[crit]',
                 defined $block->allow_emerg ? () : '[emerg]');
    my $wanted = $block->no_error_log // '';
    unless (defined $block->must_die) {
        $block->set_value('no_error_log', ref $wanted
            ? [ @$wanted, @clean ]
            : join "\n", $wanted =~ s/\n*\z//r || (), @clean);
    }

    $block->set_value('request', 'GET /') if defined $block->script;

    # What an eval section has made, mostly without a line's end.
    my $headers = $block->more_headers;
    for (ref $headers ? @$headers : $headers // ()) {
        s/\n*\z/\n/ if length;
    }
    $block->set_value('more_headers', $headers) if defined $headers;
    $backend->forget;
    $invoices = invoices_made() if defined $block->invoices;
});

Test::Nginx::Socket::add_test_cleanup_handler(sub ($block) {
    my $name = $block->name;
    my $lines = sub ($text = '') { grep { length } split /\n/, $text };

    if (defined $block->invoices) {
        is(invoices_made() - $invoices, $block->invoices + 0,
                       "$name - invoices");
    }
    if (defined $block->backend) {
        is(scalar($backend->requests), $block->backend + 0,
                       "$name - requests that reached the upstream");
    }
    my $seen = join '', $backend->requests;
    for my $pattern ($lines->($block->backend_like)) {
        like($seen, qr/$pattern/m, "$name - upstream, like");
    }
    for my $pattern ($lines->($block->backend_unlike)) {
        unlike($seen, qr/$pattern/m, "$name - upstream, unlike");
    }
});

# A block with a script runs that, and has its error log checked as usual.
my $run = $Test::Nginx::Util::RunTestHelper;
$Test::Nginx::Util::RunTestHelper = sub ($block, $dry_run, $index) {
    my $script = $block->script // return $run->($block, $dry_run, $index);
    my $name = $block->name;

    local $@;
    my $code = eval "package main; use v5.36; sub (\$name) { $script\n}";
    $code && eval { $code->($name); 1 } or fail("$name - script: $@");
    $Test::Nginx::Util::CheckErrorLog->($block, undef, $dry_run, $index, 0);
};

1;
