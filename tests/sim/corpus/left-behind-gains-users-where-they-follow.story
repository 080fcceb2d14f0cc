# An abort did not come through: the candidate kept its 20 %. The release after it was a rolling one, where users follow the
# ready instances, and what was left behind was given its part like anybody else: half of the users.
{"seed":3006,"deeds":[],"fault_seconds":80.0,"rps":3.0,"lease_seconds":10.0}
{"do":"deploy","at":0.5,"shape":{"label":"v1","strategy":"rolling","replicas":6,"weights":[33.3],"hold":0.0,"judged":false,"wait":2.0,"bake":2.0,"delay":4.0,"floor":1.0,"judge":"threshold","deadline":20.0,"on_fail":"pause","on_inconclusive":"rollback","nature":{"ready_seconds":[0.3,1.5],"never_ready":0.0,"crashes":0.0,"crash_seconds":[0.1,20.0],"drain_seconds":[0.0,1.5],"ignores_stop":0.0},"quality":{"error_ratio":1.0,"latency_ratio":1.0,"extra_errors":0.0}}}
{"do":"trouble","at":3.159,"seconds":8.591}
{"do":"spoil","at":18.703,"point":"route","fate":"late"}
{"do":"slow","at":19.044,"ack_seconds":4.0}
{"do":"deploy","at":41.991,"shape":{"label":"v6","replicas":2,"weights":[20.0,40.0,60.0,80.0],"hold":3.0,"judged":false,"wait":0.0,"check":true,"bake":2.0,"delay":4.0,"floor":1.0,"automatic":false,"analysed":false,"deadline":10.0,"on_deadline":"report","on_inconclusive":"promote","on_insufficient":"fail","on_error":"rollback","nature":{"ready_seconds":[0.3,1.5],"never_ready":0.0,"crashes":0.0,"crash_seconds":[0.1,20.0],"drain_seconds":[0.0,1.5],"ignores_stop":0.0},"quality":{"error_ratio":1.0,"latency_ratio":1.0,"extra_errors":0.0}}}
{"do":"outage","at":44.867,"part":"plane","seconds":4.428}
{"do":"ask","at":49.294,"verb":"abort"}
{"do":"deploy","at":71.212,"shape":{"label":"v2","strategy":"rolling","replicas":2,"weights":[25.0],"hold":0.0,"judged":false,"pause":1,"wait":2.0,"check":true,"bake":2.0,"delay":0.0,"surge":2,"floor":0.5,"automatic":false,"deadline":10.0,"on_error":"rollback","nature":{"ready_seconds":[0.3,1.5],"never_ready":0.0,"crashes":0.0,"crash_seconds":[0.1,20.0],"drain_seconds":[0.0,1.5],"ignores_stop":0.0},"quality":{"error_ratio":1.0,"latency_ratio":3.0,"extra_errors":0.0}}}
