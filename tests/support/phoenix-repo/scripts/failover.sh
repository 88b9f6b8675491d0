#!/bin/sh
echo failed over
