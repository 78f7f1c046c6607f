# A client that keeps its connection, and sends exactly what it is told.

package L402::Connection;

use v5.36;
use IO::Select;
use IO::Socket::IP;
use IO::Socket::UNIX;
use Time::HiRes qw(time);

# To a port, or unix:/path. `to` and `from` are addresses: 127.0.0.1 unless
# told.
sub new ($class, $at, %with) {
    my $socket = $at =~ /^unix:(.*)/
        ? IO::Socket::UNIX->new(Peer => $1)
        : IO::Socket::IP->new(
              PeerHost => $with{to} // '127.0.0.1', PeerService => $at,
              $with{from} ? (LocalHost => $with{from}) : ());
    $socket or die "connect: $!\n";
    $socket->blocking(0);
    return bless { socket => $socket, in => '', timeout => 10 }, $class;
}

# Reads all the same while it writes: a server may answer early, and neither
# side must wait for the other. False where the server has closed.
sub send ($self, $bytes) {
    local $SIG{PIPE} = 'IGNORE';
    my $select = IO::Select->new($self->{socket});
    my $end = time + $self->{timeout};
    while (length $bytes) {
        die "cannot send\n" if time > $end;
        my $n = syswrite $self->{socket}, $bytes;
        return 0 if !defined $n && !$!{EAGAIN};
        substr $bytes, 0, $n // 0, '';
        $self->fill(0);
        $select->can_write(0.1) if length $bytes;
    }
    return 1;
}

# False at the end of the connection.
sub fill ($self, $seconds) {
    return 0 if $self->{closed};
    my $select = IO::Select->new($self->{socket});
    return 1 unless $select->can_read($seconds);
    my $n = sysread $self->{socket}, $self->{in}, 65536, length $self->{in};
    $self->{closed} = 1 if defined $n ? $n == 0 : !$!{EAGAIN};
    return !$self->{closed};
}

sub wait_for ($self, $done) {
    my $end = time + $self->{timeout};
    until ($done->()) {
        return 0 if $self->{closed} || time > $end;
        $self->fill(0.1);
    }
    return 1;
}

# One response, 100 Continue included: { status, head, headers (lower case
# names, each a list), body }. undef where none comes. `method` tells how long
# a body may be.
sub read ($self, $method = 'GET') {
    $self->wait_for(sub { $self->{in} =~ /\r\n\r\n/ }) or return undef;
    my ($head, $rest) = split /\r\n\r\n/, $self->{in}, 2;
    my ($status_line, @fields) = split /\r\n/, $head;
    my %r = (head => $head, headers => {}, body => '');
    ($r{status}) = $status_line =~ m{^HTTP/1\.[01] (\d+)} or return undef;
    for (@fields) {
        my ($name, $value) = split /: */, $_, 2;
        push $r{headers}{lc $name}->@*, $value;
    }
    $self->{in} = $rest;

    return \%r if $method eq 'HEAD' || $r{status} =~ /^1|^204$|^304$/;

    if (($r{headers}{'transfer-encoding'} // [''])->[0] eq 'chunked') {
        for (;;) {
            $self->wait_for(sub { $self->{in} =~ /^[0-9a-f]+\r\n/i })
                or return undef;
            my ($size) = $self->{in} =~ s/^([0-9a-f]+)\r\n//i ? hex $1 : 0;
            $self->wait_for(sub { length $self->{in} >= $size + 2 })
                or return undef;
            $r{body} .= substr $self->{in}, 0, $size, '';
            substr $self->{in}, 0, 2, '';
            return \%r if $size == 0;
        }
    }
    if (my $length = $r{headers}{'content-length'}) {
        $self->wait_for(sub { length $self->{in} >= $length->[0] })
            or return undef;
        $r{body} = substr $self->{in}, 0, $length->[0], '';
        return \%r;
    }
    $self->wait_for(sub { $self->{closed} });
    ($r{body}, $self->{in}) = ($self->{in}, '');
    return \%r;
}

# One request and its response. Headers are "Name: value" lines, a body is
# announced by its length. Host is localhost unless told.
sub request ($self, $method, $path, $headers = [], $body = undef) {
    my @fields = @$headers;
    unshift @fields, 'Host: localhost' unless grep { /^Host:/ } @fields;
    push @fields, 'Content-Length: ' . length $body if defined $body;
    $self->send(join("\r\n", "$method $path HTTP/1.1", @fields, '', '')
                . ($body // ''));
    return $self->read($method);
}

sub get ($self, $path, @headers) {
    return $self->request('GET', $path, \@headers);
}

# True once the server has closed and nothing more has come.
sub is_closed ($self) {
    return $self->wait_for(sub { $self->{closed} }) && $self->{in} eq '';
}

sub close ($self) {
    CORE::close $self->{socket};
    $self->{closed} = 1;
}

1;
