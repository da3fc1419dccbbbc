// relay.js COMMAND…: relay.py, but as Electron's main process is: node, whose children are in libuv's job object.
'use strict'
const { spawn } = require('node:child_process')

const [command, ...args] = process.argv.slice(2)
const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'], windowsHide: true })
process.stdin.pipe(child.stdin)
child.stdout.pipe(process.stdout)
child.stdin.on('error', () => {})
child.on('exit', (code) => process.exit(code ?? 1))
