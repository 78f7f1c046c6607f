"""An nginx with one worker, pinned to a core, in a folder below build/."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time

from cores import client_core, pinned, worker_core
from places import module, work

binary = os.environ.get('L402_NGINX', 'nginx')


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def get(port, path, headers=(), source=''):
    """One request on a connection of its own; the whole response as text."""
    with socket.create_connection(('127.0.0.1', port), timeout=30,
                                  source_address=(source, 0)) as s:
        lines = [f'GET {path} HTTP/1.1', 'Host: bench', 'Connection: close',
                 *headers, '', '']
        s.sendall('\r\n'.join(lines).encode())
        parts = []
        while part := s.recv(65536):
            parts.append(part)
        return b''.join(parts).decode('latin-1')


class Nginx:
    """`http` is the inside of http {}; {dir} and {port} are filled in."""

    def __init__(self, name, http, core=worker_core, single=False,
                 wrapper=(), workers=1):
        self.dir = work / name
        self.port = free_port()
        shutil.rmtree(self.dir, ignore_errors=True)
        for folder in ('html', 'temp', 'logs'):
            (self.dir / folder).mkdir(parents=True)
        # Of its own: a build beside this one writes into the file.
        self.module = shutil.copy(module, self.dir)
        self.write('keys', secrets.token_hex(32) + '\n')
        self.workers = workers
        self.write('nginx.conf', self.configuration(http, core, single))
        self.wrapper = list(wrapper)
        self.single = single

    def write(self, file, text):
        path = self.dir / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o600)
        return path

    def configuration(self, http, core, single):
        mask = bin(1 << core)[2:]
        # Several go where the kernel puts them.
        affinity = f'worker_cpu_affinity {mask};' if self.workers == 1 else ''
        process = 'master_process off;' if single else f'''
worker_processes {self.workers};
{affinity}'''
        temp = '\n'.join(
            f'{kind}_temp_path temp/{kind};' for kind in
            ('client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'))
        user = 'user root;' if os.getuid() == 0 else ''
        body = http.replace('{dir}', str(self.dir)).replace(
            '{port}', str(self.port))
        return f'''
{user}
load_module {self.module};
daemon off;
pid nginx.pid;
error_log logs/error.log error;
{process}
events {{ worker_connections 8192; }}
http {{
{temp}
access_log off;
keepalive_requests 1000000000;
keepalive_timeout 3600s;
root html;
l402_key_file {self.dir}/keys;
{body}
}}
'''

    def __enter__(self):
        output = open(self.dir / 'logs/output', 'w')
        self.process = subprocess.Popen(
            [*self.wrapper, binary, '-p', f'{self.dir}/', '-e',
             'logs/error.log', '-c', 'nginx.conf'],
            stdout=output, stderr=output, stdin=subprocess.DEVNULL,
            preexec_fn=pinned(worker_core) if self.single
            else pinned(client_core) if self.workers == 1 else None)
        output.close()
        for _ in range(600):
            if self.process.poll() is not None:
                break
            if self.listens() and self.find_worker():
                return self
            time.sleep(0.05)
        self.process.kill()
        raise RuntimeError('nginx did not start:\n' + self.log())

    def listens(self):
        try:
            socket.create_connection(('127.0.0.1', self.port)).close()
            return True
        except OSError:
            return False

    def find_worker(self):
        pid = self.process.pid
        if self.single:
            self.worker = pid
            return True
        with open(f'/proc/{pid}/task/{pid}/children') as f:
            children = f.read().split()
        if children:
            self.worker = int(children[0])
        return bool(children)

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def log(self):
        return ''.join((self.dir / 'logs' / name).read_text()
                       for name in ('output', 'error.log')
                       if (self.dir / 'logs' / name).exists())
